"""Summons, attendance, opinions, confirmation in block."""

from typing import Any

from django import forms

from applications.models import Application
from calls.models import Axis
from core.money import MoneyFormField
from core.templatetags.guichet import of_whom
from core.widgets import DateTimeInput
from jury.enums import Attendance, CastingVote, Outcome
from jury.forms.base import OUTCOMES_TOLD, RefusableForm, choices_with_empty, textarea
from jury.models import Deliberation, Juror, Opinion
from jury.services import AttendanceInput, OpinionInput

BLOCK_CHANGED = (
    "Les dossiers hors discussion ont changé depuis que vous avez lu cette page : rien n’est confirmé. "
    "Relisez le tableau, puis confirmez de nouveau."
)


class SummonForm(RefusableForm):
    held_at = forms.DateTimeField(
        label="Date et heure de la séance",
        help_text="Heure de Paris. La convocation part cinq jours au moins avant la séance.",
        widget=DateTimeInput(),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    place = forms.CharField(
        label="Lieu", help_text="Une adresse, une salle, ou l’adresse de la visioconférence.", max_length=200
    )


class AttendanceForm(RefusableForm):
    """One line per member: how they attend, and who votes for them."""

    def __init__(self, *args: Any, deliberation: Deliberation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members = list(
            deliberation.jury.jurors.select_related("user").order_by("-is_chair", "user__last_name", "pk")
        )
        known = {row.juror_id: row for row in deliberation.attendance.all()}
        holders = choices_with_empty([(row.pk, str(row.user)) for row in self.members], "Personne")
        for member in self.members:
            row = known.get(member.pk)
            chair = ", préside le jury" if member.is_chair else ""
            self.fields[f"attendance_{member.pk}"] = forms.ChoiceField(
                label=f"{member.user}{chair}",
                choices=choices_with_empty([(value, label.capitalize()) for value, label in Attendance.choices]),
                # Nobody is present for not having been asked: the quorum and the minutes stand on it.
                initial=row.attendance if row else "",
                error_messages={"required": f"Dites comment {member.user} prend part à la séance."},
            )
            self.fields[f"proxy_{member.pk}"] = forms.ChoiceField(
                label=f"Pouvoir {of_whom(member.user)} donné à",
                choices=[choice for choice in holders if choice[0] != member.pk],
                required=False,
                initial=row.proxy_id if row else "",
            )

    def rows(self) -> list[AttendanceInput]:
        """One line per member."""
        members = {member.pk: member for member in self.members}
        return [AttendanceInput(member, self._said(member), self._holder(member, members)) for member in self.members]

    def _said(self, member: Juror) -> str:
        return str(self.cleaned_data[f"attendance_{member.pk}"])

    def _holder(self, member: Juror, members: dict[int, Juror]) -> Juror | None:
        pk = self.cleaned_data.get(f"proxy_{member.pk}")
        return members[int(pk)] if pk else None


class OpinionForm(RefusableForm):
    """What the jury says of one dossier."""

    outcome = forms.ChoiceField(label="Avis du jury", widget=forms.RadioSelect, help_text=OUTCOMES_TOLD)
    amount = MoneyFormField(label="Montant proposé", help_text="Seulement pour un avis favorable.", required=False)
    redirected_to = forms.ModelChoiceField(
        label="Guichet vers lequel réorienter",
        help_text="Seulement pour une réorientation.",
        queryset=Axis.objects.none(),
        empty_label="Choisir",
        required=False,
    )
    motive = forms.CharField(
        label="Motif",
        help_text="Obligatoire, sauf pour un avis favorable dans l’ordre du classement et au montant demandé.",
        widget=textarea(3),
        required=False,
        max_length=3000,
    )
    votes_for = forms.IntegerField(label="Voix pour", min_value=0, required=False)
    votes_against = forms.IntegerField(label="Voix contre", min_value=0, required=False)
    casting_vote = forms.ChoiceField(
        label="Voix de la présidence",
        help_text="À indiquer si les voix sont à égalité : elle est prépondérante.",
        required=False,
    )

    def __init__(
        self,
        *args: Any,
        deliberation: Deliberation,
        application: Application,
        known: Opinion | None,
        reads_every_mark: bool,
        is_reopened: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not reads_every_mark:
            self.fields["motive"].help_text = "Obligatoire : vous ne lisez pas toutes les notes."
        if is_reopened:
            self.fields["motive"].help_text = "Obligatoire : dites pourquoi le jury rouvre ce dossier."
        axis = deliberation.jury.session.axis
        outcomes = [
            (value, label.capitalize())
            for value, label in Outcome.choices
            if value != Outcome.WAITLISTED or axis.call.has_waiting_list
        ]
        self.fields["outcome"].choices = outcomes  # type: ignore[attr-defined]
        self.fields["casting_vote"].choices = choices_with_empty(  # type: ignore[attr-defined]
            [(value, label.capitalize()) for value, label in CastingVote.choices], "Sans objet"
        )
        others = Axis.objects.filter(call_id=axis.call_id).exclude(pk=axis.pk).order_by("position")
        self.fields["redirected_to"].queryset = others  # type: ignore[attr-defined]
        self.initial.setdefault("amount", application.amount_requested)
        if known is not None:
            names = ("outcome", "redirected_to", "motive", "votes_for", "votes_against", "casting_vote")
            self.initial.update({name: getattr(known, name) for name in names})
            self.initial["amount"] = known.amount_proposed or application.amount_requested

    def opinion(self) -> OpinionInput:
        data = self.cleaned_data
        is_award = data["outcome"] == Outcome.AWARDED
        return OpinionInput(
            outcome=data["outcome"],
            amount=data["amount"] if is_award else None,
            motive=data["motive"],
            redirected_to=data["redirected_to"],
            votes_for=data["votes_for"],
            votes_against=data["votes_against"],
            casting_vote=data["casting_vote"],
        )


class BlockForm(RefusableForm):
    """One motive for all that stands below the line, asked when something does; dossiers ticked are left apart.

    ``shown`` is the SHA-256 of what the page listed: an old page confirms nothing.
    """

    below = forms.ChoiceField(label="Dossiers au-dessous de la ligne", widget=forms.RadioSelect)
    motive = forms.CharField(label="Motif pour ces dossiers", widget=textarea(3), required=True, max_length=3000)
    called_up = forms.MultipleChoiceField(
        label="Dossiers à discuter malgré tout",
        help_text="Chaque membre peut demander qu’un dossier soit discuté.",
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    shown = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        dossiers: list[Application],
        has_below: bool,
        has_waiting_list: bool,
        sha256: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.initial["shown"] = sha256
        self.sha256 = sha256
        below = [Outcome.REFUSED] + ([Outcome.WAITLISTED] if has_waiting_list else [])
        self.fields["below"].choices = [  # type: ignore[attr-defined]
            (value.value, str(value.label).capitalize()) for value in below
        ]
        self.fields["called_up"].choices = [  # type: ignore[attr-defined]
            (str(row.pk), f"{row.number} – {row.organisation.name}") for row in dossiers
        ]
        if not has_below:
            del self.fields["below"], self.fields["motive"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("shown") != self.sha256:
            self.add_error(None, BLOCK_CHANGED)
            # The page is drawn again with the table as it stands: what it shows is what is sent back next.
            renewed: Any = self.data.copy()  # type: ignore[attr-defined]
            renewed["shown"] = self.sha256
            self.data = renewed
        return cleaned
