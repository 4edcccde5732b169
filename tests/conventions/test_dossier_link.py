"""From the dossier to its convention, and the address that the applicant stated."""

from django.urls import reverse

from tests.factories.accounts import sign_in
from tests.factories.conventions import ConventionWorld, representative_of


def test_dossier_leads_to_its_convention_for_whoever_may_read_it(client, db):
    world = ConventionWorld(1)
    convention = world.release()[0]
    sign_in(client, representative_of(convention))
    page = client.get(reverse("application_detail", args=[convention.application_id])).content.decode()
    assert f'href="{reverse("convention_detail", args=[convention.number])}"' in page
    assert f"Convention {convention.number} :" in page
    sign_in(client, world.officer)
    page = client.get(reverse("screening_detail", args=[convention.application_id])).content.decode()
    assert f'href="{reverse("convention_detail", args=[convention.number])}"' in page


def test_convention_names_the_seat_that_the_applicant_stated(db):
    convention = ConventionWorld(1).release()[0]
    assert convention.application.seat_address
    assert convention.data["beneficiary"]["address"] == convention.application.seat_address
