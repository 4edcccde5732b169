from django.db import models


class EvaluationState(models.TextChoices):
    ASSIGNED = "assigned", "à évaluer"
    DRAFT = "draft", "en cours"
    SUBMITTED = "submitted", "remise"
    WITHDRAWN = "withdrawn", "retirée"


class Outcome(models.TextChoices):
    """What the jury proposes and the authority decides for a dossier."""

    AWARDED = "awarded", "retenu"
    REFUSED = "refused", "non retenu"
    WAITLISTED = "waitlisted", "liste d’attente"
    REDIRECTED = "redirected", "réorienté vers un autre guichet"
    DEFERRED = "deferred", "ajourné"


class DeliberationState(models.TextChoices):
    OPEN = "open", "ouverte"
    CLOSED = "closed", "close"


class DecisionListState(models.TextChoices):
    PREPARING = "preparing", "en préparation"
    PREPARED = "prepared", "à libérer"
    RELEASED = "released", "libérée"
    CANCELLED = "cancelled", "annulée"


class Attendance(models.TextChoices):
    PRESENT = "present", "en séance"
    REMOTE = "remote", "à distance"
    PROXY = "proxy", "par procuration"
    ABSENT = "absent", "absence"


class SelectionRule(models.TextChoices):
    """What happens when a dossier asks for more than what is left; the codes of ``jury.selection``."""

    SKIP = "skip", "on passe au dossier suivant"
    STOP = "stop", "on s’arrête au premier qui ne tient pas"


class CastingVote(models.TextChoices):
    FOR = "for", "pour"
    AGAINST = "against", "contre"
