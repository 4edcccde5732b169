from django.db import models


class MandateRole(models.TextChoices):
    """What a mandate lets an agent of the State or a juror do, on an axis and a territory."""

    SCREENER = "screener", "instructeur"
    JUROR = "juror", "juré"
    CHAIR = "chair", "président du jury"
    OFFICER = "officer", "gestionnaire du ministère"
    RELEASER = "releaser", "ordonnateur (seconde personne)"
    SIGNATORY = "signatory", "signataire de l’État"
    AUDITOR = "auditor", "contrôle (lecture seule)"
    ADMINISTRATOR = "administrator", "administrateur de l’appel"


class Rhythm(models.TextChoices):
    SESSIONS = "sessions", "relèves"
    CONTINUOUS = "continuous", "guichet continu"


class RuleKind(models.TextChoices):
    """Each code names one class of ``calls.eligibility``."""

    ORGANISATION_KINDS = "organisation_kinds", "nature de la collectivité"
    POPULATION_AT_LEAST = "population_at_least", "population couverte minimale"
    POPULATION_BELOW = "population_below", "population couverte maximale"
    ONE_PER_ORGANISATION = "one_per_organisation", "une seule demande par collectivité"
    PRIOR_AUTHORISATION = "prior_authorisation", "habilitation préalable"
    IN_TERRITORY = "in_territory", "territoire éligible"


class Verdict(models.TextChoices):
    ELIGIBLE = "eligible", "éligible"
    NOT_ELIGIBLE = "not_eligible", "non éligible"
    UNKNOWN = "unknown", "impossible à dire"


class RuleVerdict(models.TextChoices):
    PASSED = "passed", "remplie"
    FAILED = "failed", "non remplie"
    UNKNOWN = "unknown", "impossible à dire"


class CostNature(models.TextChoices):
    INVESTMENT = "investment", "investissement"
    OPERATING = "operating", "fonctionnement"


class CostCategory(models.TextChoices):
    SERVICES = "services", "prestations de service"
    SOFTWARE = "software", "logiciels et licences"
    DEVELOPMENT = "development", "développement"
    TRAINING = "training", "formation et accompagnement"
    HARDWARE = "hardware", "matériel"
    STAFF = "staff", "personnel (salaires d’agents)"
    OTHER = "other", "autre dépense"


class QuestionKind(models.TextChoices):
    TEXT = "text", "texte long"
    LINE = "line", "texte court"
    CHOICE = "choice", "choix unique"
    YES_NO = "yes_no", "oui ou non"
    NUMBER = "number", "nombre"


# Names that the form of the answers keeps for itself.
RESERVED_CODES = frozenset({"version", "stay", "csrfmiddlewaretoken"})
