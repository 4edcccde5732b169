"""The SIRET typed in a draft, where the referential knows no SIREN (départements, régions)."""

import pytest

from applications import services
from core.errors import Refused
from territories.services import organisation_by_siret, organisation_for
from territories.sirets import fictitious_siren, fictitious_siret
from tests.factories.applications import applicant_of, start, submitted_application, the_only_call
from tests.factories.calls import FIRST_RELEVE
from tests.factories.territories import OrganisationFactory, load_sample, territory

RIGHT = fictitious_siret(fictitious_siren("Lozère"))


def state(application, siret):
    application.refresh_from_db()
    return services.save_section(
        application=application,
        section="collectivite",
        user=applicant_of(application.organisation),
        at=FIRST_RELEVE,
        version=application.version,
        values={"siret": siret},
    )


def departement():
    load_sample(2021)
    the_only_call()
    return organisation_for(territory("departement", "48"))


def test_number_of_a_commune_is_refused_at_its_field_and_the_right_one_accepted_afterwards(db):
    application = start(organisation=departement())
    mende = territory("commune", "48095").siren
    with pytest.raises(Refused, match="est celui de « Mende »") as refusal:
        state(application, fictitious_siret(mende))
    assert refusal.value.field == "siret"
    application.refresh_from_db()
    application.organisation.refresh_from_db()
    assert (application.siret, application.organisation.siret, application.organisation.siren) == ("", "", "")
    state(application, RIGHT)
    application.organisation.refresh_from_db()
    assert (application.organisation.siret, application.organisation.siren) == (RIGHT, "")
    assert organisation_by_siret(fictitious_siret(mende)).name == "Mende"
    assert organisation_by_siret(RIGHT) is None


def test_number_is_corrected_until_a_dossier_is_filed_then_its_siren_stays(db):
    lozere = OrganisationFactory(siren="", siret="", siret_is_fictitious=False)
    application = start(organisation=lozere)
    for siret in (fictitious_siret(fictitious_siren("une faute")), RIGHT):
        state(application, siret)
        lozere.refresh_from_db()
        assert lozere.siret == siret
    submitted_application(organisation=lozere)
    other = start(organisation=lozere)
    with pytest.raises(Refused, match=f"commencer par {RIGHT[:9]}") as refusal:
        state(other, fictitious_siret(fictitious_siren("encore un autre")))
    assert refusal.value.field == "siret"
    second = fictitious_siret(RIGHT[:9], 2)
    assert state(other, second).siret == second
    lozere.refresh_from_db()
    assert lozere.siret == RIGHT
