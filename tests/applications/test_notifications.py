"""Who is written to about a dossier."""

from datetime import timedelta

from django.utils import timezone

from applications.notifications import applicant_addresses
from territories.models import Affiliation
from tests.factories.accounts import UserFactory
from tests.factories.applications import applicant_of, fill, start
from tests.factories.territories import AffiliationFactory


def ended(user):
    Affiliation.objects.filter(user=user).update(ends_at=timezone.now() - timedelta(minutes=1))


def test_who_opened_the_dossier_is_written_to_while_affiliated_and_no_longer(db):
    application = fill(start())
    author = application.created_by
    assert set(applicant_addresses(application)) == {
        application.contact_email,
        application.representative_email,
        author.email,
    }
    ended(author)
    assert set(applicant_addresses(application)) == {application.contact_email, application.representative_email}


def test_contact_who_left_is_not_written_to_and_those_who_stayed_are_when_nobody_else_is(db):
    application = start()
    author = application.created_by
    application.contact_email = author.email.upper()
    application.representative_email = author.email
    stayed = AffiliationFactory(organisation=application.organisation).user
    AffiliationFactory(pending=True, organisation=application.organisation)
    AffiliationFactory(organisation=application.organisation, user=UserFactory(is_active=False))
    ended(author)
    assert applicant_addresses(application) == [stayed.email]
    # Attached again, in any role.
    AffiliationFactory(organisation=application.organisation, user=author, legal=True)
    assert {address.lower() for address in applicant_addresses(application)} == {author.email}


def test_address_of_nobody_we_know_is_written_to(db):
    application = start()
    application.contact_email = "mairie@example.fr"
    ended(applicant_of(application.organisation))
    assert applicant_addresses(application) == ["mairie@example.fr"]
