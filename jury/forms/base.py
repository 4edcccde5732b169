"""What the forms of this room share."""

from typing import Any

from django import forms

from core.errors import Refused


class RefusableForm(forms.Form):
    """A form that shows a service's refusal at its field."""

    def refuse(self, refusal: Refused) -> None:
        """At the field of the refusal when this form has it and shows it, else above the form.

        A refusal that speaks of several fields names them in ``data["fields"]``.
        """
        several = {name: text for name, text in refusal.data.get("fields", {}).items() if name in self.fields}
        if several:
            for name, text in several.items():
                self.add_error(name, text)
            return
        field = refusal.field if refusal.field in self.fields else None
        if field is not None and self.fields[field].widget.is_hidden:
            field = None
        self.add_error(field, refusal.message)


def textarea(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


def choices_with_empty(choices: list[tuple[Any, Any]], label: str = "Choisir") -> list[tuple[Any, Any]]:
    return [("", label), *choices]


# Under the outcomes of an opinion and of a decision: what the applicant will be told (emails/jury).
OUTCOMES_TOLD = (
    "«\u00a0Ajourné\u00a0»\u00a0: la collectivité pourra déposer un nouveau dossier à une prochaine relève. "
    "«\u00a0Réorienté\u00a0»\u00a0: elle est invitée à en déposer un au guichet que vous choisissez\u00a0; le sien n’y est "
    "pas transmis."
)
