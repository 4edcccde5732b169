from django.db import models


class ApplicationState(models.TextChoices):
    """Where a dossier stands. The last seven are outcomes."""

    DRAFT = "draft", "brouillon"
    SUBMITTED = "submitted", "déposé"
    COMPLETION_REQUESTED = "completion_requested", "compléments demandés"
    ADMISSIBLE = "admissible", "recevable"
    INADMISSIBLE = "inadmissible", "irrecevable"
    AWARDED = "awarded", "retenu"
    REFUSED = "refused", "non retenu"
    WAITLISTED = "waitlisted", "en liste d’attente"
    REDIRECTED = "redirected", "réorienté"
    DEFERRED = "deferred", "ajourné"
    WITHDRAWN = "withdrawn", "retiré"


# What a decision is still awaited on: the clock of implicit rejection runs, or stands still for a while.
UNDECIDED = (ApplicationState.SUBMITTED, ApplicationState.COMPLETION_REQUESTED, ApplicationState.ADMISSIBLE)


class SwornAs(models.TextChoices):
    """In what capacity the sworn statement is made."""

    REPRESENTATIVE = "representative", "représentant légal"
    MANDATED = "mandated", "personne mandatée"


class TaxBasis(models.TextChoices):
    EXCLUDING_TAX = "ht", "hors taxes (HT)"
    INCLUDING_TAX = "ttc", "toutes taxes comprises (TTC)"


class FundingKind(models.TextChoices):
    OWN = "own", "autofinancement"
    REQUESTED = "requested", "aide demandée à cet appel"
    STATE = "state", "autre aide de l’État"
    REGION = "region", "région"
    DEPARTEMENT = "departement", "département"
    BLOC_COMMUNAL = "bloc_communal", "commune ou intercommunalité"
    EUROPE = "europe", "fonds européens"
    OTHER_PUBLIC = "other_public", "autre financement public"
    PRIVATE = "private", "financement privé"


class FundingStatus(models.TextChoices):
    REQUESTED = "requested", "demandé"
    GRANTED = "granted", "acquis"


class AttachmentKind(models.TextChoices):
    DELIBERATION = "deliberation", "délibération ou délégation"
    BANK_DETAILS = "bank_details", "relevé d’identité bancaire"
    SWORN_STATEMENT = "sworn_statement", "attestation sur l’honneur"
    QUOTE = "quote", "devis"
    MANDATE = "mandate", "mandat des membres du groupement"
    OTHER = "other", "autre pièce"


class AccessEffect(models.TextChoices):
    GRANT = "grant", "accès"
    DENY = "deny", "refus d’accès"


class AccessSource(models.TextChoices):
    AUTHOR = "author", "auteur du dossier"
    ASSIGNMENT = "assignment", "affectation au jury"
    CHAIR = "chair", "présidence du jury"
    RECUSAL = "recusal", "déport"
    WITHDRAWN_ASSIGNMENT = "withdrawn_assignment", "affectation retirée"


class EventKind(models.TextChoices):
    MESSAGE = "message", "message"
    COMPLETION_REQUEST = "completion_request", "demande de compléments"
    COMPLETION_ANSWER = "completion_answer", "réponse à la demande"
