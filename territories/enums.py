from django.db import models


class TerritoryKind(models.TextChoices):
    COMMUNE = "commune", "commune"
    EPCI = "epci", "établissement public de coopération intercommunale"
    EPT = "ept", "établissement public territorial"
    DEPARTEMENT = "departement", "département"
    REGION = "region", "région"


class OrganisationKind(models.TextChoices):
    COMMUNE = "commune", "Commune"
    EPCI = "epci", "Intercommunalité (EPCI)"
    EPT = "ept", "Établissement public territorial"
    DEPARTEMENT = "departement", "Département"
    REGION = "region", "Région"
    SYNDICAT = "syndicat", "Syndicat"
    MUTUALISATION = "mutualisation", "Structure de mutualisation"


class AffiliationRole(models.TextChoices):
    CONTRIBUTOR = "contributor", "prépare les dossiers"
    LEGAL_REPRESENTATIVE = "legal_representative", "représentant légal"
