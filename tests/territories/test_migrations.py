"""What a migration does to rows that exist already."""

from importlib import import_module

from django.db import connection

from territories.enums import OrganisationKind
from territories.models import Organisation
from territories.sirets import fictitious_siren, fictitious_siret
from tests.factories.territories import OrganisationFactory, TerritoryFactory


def test_sirens_taken_from_a_stated_siret_are_forgotten_and_those_of_the_referential_kept(db):
    commune = TerritoryFactory()
    siren = fictitious_siren("déclaré")
    rows = {
        "stated": OrganisationFactory(
            kind=OrganisationKind.DEPARTEMENT, territory_code="48", siren=siren, siret=fictitious_siret(siren)
        ),
        "of another": OrganisationFactory(
            kind=OrganisationKind.REGION,
            territory_code="76",
            siren=commune.siren,
            siret=fictitious_siret(commune.siren),
        ),
        "of the referential": OrganisationFactory(
            territory_code=commune.code, siren=commune.siren, siret=fictitious_siret(commune.siren, 2)
        ),
        "without SIRET": OrganisationFactory(siret=""),
        "structure": OrganisationFactory(syndicat=True),
    }
    sirets = set(Organisation.objects.values_list("pk", "siret"))
    with connection.cursor() as cursor:
        cursor.execute(import_module("territories.migrations.0006_forget_stated_sirens").FORGET)
    for row in rows.values():
        row.refresh_from_db()
    assert {name for name, row in rows.items() if not row.siren} == {"stated", "of another"}
    assert set(Organisation.objects.values_list("pk", "siret")) == sirets
