"""The grid as a form, and the declaration of a conflict."""

from typing import Any

from django import forms
from django.forms import BoundField

from core.forms import IdempotencyField, VersionField
from jury.forms.base import RefusableForm, choices_with_empty, textarea
from jury.models import Criterion, Evaluation, Juror
from jury.services import MarkInput

NO_OPINION = "sans-avis"


class EvaluationForm(RefusableForm):
    """One choice per criterion, each mark with its descriptor; nothing is compulsory before handing in."""

    version = VersionField()
    idempotency_key = IdempotencyField()
    # What was recorded though the page is shown again with what is missing.
    says_kept = ""

    def __init__(self, *args: Any, evaluation: Evaluation, criteria: list[Criterion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = criteria
        scores = {score.criterion.code: score for score in evaluation.scores.all()}
        for criterion in criteria:
            score = scores.get(criterion.code)
            self.fields[f"mark_{criterion.code}"] = forms.ChoiceField(
                label=f"{criterion.label} (poids {criterion.weight})",
                choices=[*_levels(criterion), (NO_OPINION, "Sans avis : ce critère ne compte pas dans ma note")],
                widget=forms.RadioSelect,
                required=False,
                help_text=_eliminatory(criterion),
            )
            self.fields[f"comment_{criterion.code}"] = forms.CharField(
                label="Commentaire sur ce critère", widget=textarea(2), required=False, max_length=3000
            )
            if score is not None:
                self.initial[f"mark_{criterion.code}"] = NO_OPINION if score.mark is None else str(score.mark)
                self.initial[f"comment_{criterion.code}"] = score.comment
        self.fields["comment"] = forms.CharField(
            label="Avis d’ensemble", widget=textarea(4), required=False, max_length=6000, initial=evaluation.comment
        )
        self.initial["version"] = evaluation.version

    def criterion_fields(self) -> list[tuple[BoundField, BoundField]]:
        """For each criterion, its mark and its comment."""
        return [(self[f"mark_{row.code}"], self[f"comment_{row.code}"]) for row in self.criteria]

    def marks(self) -> dict[str, MarkInput]:
        """What was said; a criterion neither marked nor « sans avis » is left out, unless commented."""
        given: dict[str, MarkInput] = {}
        for row in self.criteria:
            mark = self.cleaned_data.get(f"mark_{row.code}") or ""
            if mark:
                comment = self.cleaned_data.get(f"comment_{row.code}") or ""
                given[row.code] = MarkInput(mark=None if mark == NO_OPINION else int(mark), comment=comment)
        return given

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for row in self.criteria:
            if cleaned.get(f"comment_{row.code}") and not cleaned.get(f"mark_{row.code}"):
                self.add_error(f"mark_{row.code}", "Votre commentaire demande une note, ou « sans avis ».")
        return cleaned


class HandInForm(forms.Form):
    """What was read again is what is handed in: its version, and one key for one act."""

    version = VersionField()
    idempotency_key = IdempotencyField()


def _levels(criterion: Criterion) -> list[tuple[str, str]]:
    maximum = criterion.grid.maximum
    texts = list(criterion.descriptors) + [""] * (maximum + 1)
    return [(str(mark), f"{mark} – {texts[mark]}" if texts[mark] else str(mark)) for mark in range(maximum + 1)]


def _eliminatory(criterion: Criterion) -> str:
    if criterion.eliminatory_below is None:
        return ""
    return f"Critère éliminatoire : une moyenne au-dessous de {criterion.eliminatory_below} écarte le dossier."


class MemberRecusalForm(RefusableForm):
    """A member who leaves a dossier, and why: one's own reason is one's own, another's is said."""

    juror = forms.ChoiceField(label="Membre du jury qui se déporte")
    reason = forms.CharField(
        label="Motif",
        help_text="Obligatoire si vous constatez le lien d’un autre membre. Exemple : « ancien employeur ». La "
        "présidence du jury, le ministère et le contrôle le lisent ; jamais les collectivités.",
        widget=textarea(3),
        required=False,
        max_length=1000,
    )

    def __init__(self, *args: Any, members: list[Juror], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members = {str(member.pk): member for member in members}
        self.fields["juror"].choices = choices_with_empty(  # type: ignore[attr-defined]
            [(pk, str(member.user)) for pk, member in self.members.items()]
        )

    def member(self) -> Juror:
        return self.members[self.cleaned_data["juror"]]


class RecusalForm(RefusableForm):
    """The reason is the juror's to give or not."""

    reason = forms.CharField(
        label="Motif (facultatif)",
        help_text="Exemple : « ancien employeur ». La présidence, le ministère et le contrôle le lisent ; jamais les "
        "collectivités.",
        widget=textarea(3),
        required=False,
        max_length=1000,
    )
