"""Length of passwords, by the power of the account."""

from django.core.exceptions import ValidationError

from accounts.models import ADMINISTRATOR_MINIMUM_LENGTH, User

MINIMUM_LENGTH = 12


class LengthByRoleValidator:
    """At least 12 characters, and 16 for a person who may open the administration."""

    def validate(self, password: str, user: User | None = None) -> None:
        minimum = self.minimum_for(user)
        if len(password) < minimum:
            raise ValidationError(
                f"Ce mot de passe est trop court : il doit compter au moins {minimum} caractères.",
                code="password_too_short",
            )

    def get_help_text(self) -> str:
        return (
            f"Au moins {MINIMUM_LENGTH} caractères ({ADMINISTRATOR_MINIMUM_LENGTH} pour les comptes "
            "d’administration). Une phrase facile à retenir convient très bien."
        )

    def minimum_for(self, user: User | None) -> int:
        """Number of characters required of this person; people yet unknown are ordinary people."""
        powerful = user is not None and (getattr(user, "is_staff", False) or getattr(user, "is_superuser", False))
        return ADMINISTRATOR_MINIMUM_LENGTH if powerful else MINIMUM_LENGTH
