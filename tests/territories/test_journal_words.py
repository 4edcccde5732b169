"""An authority is called by its name in the journal: as what an entry is about, and as a datum."""

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.services import grant_mandate
from core.journal import record
from core.journal_words import chain_in_words, names_for
from core.models import JournalEntry
from tests.factories.accounts import AgentFactory, sign_in
from tests.factories.calls import the_call
from tests.factories.territories import OrganisationFactory


def test_entry_about_an_authority_names_it(client, db):
    call, organisation = the_call(timezone.now()), OrganisationFactory(name="Syndicat du Léman")
    auditor = AgentFactory()
    yesterday = timezone.now() - timedelta(days=1)
    grant_mandate(user=auditor, call=call, role=MandateRole.AUDITOR, at=yesterday, appointed_by=None)
    record(
        chain=f"organisation:{organisation.pk}",
        action="organisation.changed",
        at=timezone.now(),
        actor=None,
        data={"id": organisation.pk, "fields": {"siret_is_fictitious": [True, False]}},
    )
    sign_in(client, auditor)
    page = client.get(reverse("journal"), {"chaine": f"organisation:{organisation.pk}"}).content.decode()
    row = page.partition("<tbody>")[2].partition("<details")[0]
    assert "Collectivité Syndicat du Léman</a>" in row
    assert f">organisation:{organisation.pk}" not in row


def test_authority_that_is_no_longer_there_keeps_its_number(db):
    entry = JournalEntry(chain="organisation:999999", action="organisation.changed", data={})
    assert chain_in_words(entry.chain, names_for(None, [entry])) == "Collectivité 999999"
