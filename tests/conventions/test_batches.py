"""From a released list to numbered conventions; then to documents, whatever happens to the worker."""

from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from calls.enums import MandateRole
from calls.models import Axis
from conventions.enums import BatchState, ConventionState
from conventions.models import Batch, Convention, Revision
from conventions.services import writing
from conventions.services.batches import ALPHABET, new_verification_code, open_batch, retry_batch, troubles_of
from conventions.services.writing import write_convention
from core import outbox
from core.errors import Refused
from core.journal import JournalEntry
from core.models import OutboxMessage, StoredFile
from core.pdf.render import RenderError
from jury import services as jury
from tests.factories.accounts import sign_in
from tests.factories.budget import make_mandate
from tests.factories.conventions import ConventionWorld


@pytest.fixture
def no_layout(monkeypatch, documents):
    """The same document for every convention: for tests of what surrounds the layout."""
    copies = iter(range(1000))
    monkeypatch.setattr(writing, "lay_out", lambda convention: documents.rendered + b"\n%%%d\n" % next(copies))


def test_the_release_of_the_jury_opens_the_batch():
    assert open_batch in jury.after_release


def test_open_batch_numbers_without_gap_and_asks_the_worker_once_each(db):
    world = ConventionWorld(3)
    conventions = world.release()
    assert [row.number for row in conventions] == ["CONV-2021-00001", "CONV-2021-00002", "CONV-2021-00003"]
    assert {row.state for row in conventions} == {ConventionState.PENDING}
    assert OutboxMessage.objects.filter(kind="conventions.write").count() == 3
    for row in conventions:
        assert row.reservation.application_id == row.application_id
        assert row.reservation.amount == row.amount
        assert row.data["reservation"] == str(row.reservation_id)
        entries = JournalEntry.objects.filter(chain=row.chain())
        assert [entry.action for entry in entries] == ["convention.open"]


def test_refused_release_gives_its_numbers_back(db):
    world = ConventionWorld(3)
    broken = world.dossier(iban="")
    with pytest.raises(Refused):
        world.release([*world.applications[:2], broken])
    assert next(row.number for row in world.release(world.applications)) == "CONV-2021-00001"


def test_open_batch_of_nothing_makes_nothing(db):
    world = ConventionWorld(1)
    found = open_batch(
        decision_list=world.decided_list(), decisions=[], reservations={}, at=timezone.now(), actor=world.releaser
    )
    assert found is None
    assert not Batch.objects.exists()


def test_open_batch_without_a_text_in_force_is_refused(db):
    world = ConventionWorld(1)
    type(world.template).objects.filter(pk=world.template.pk)
    other = ConventionWorld(1)
    with pytest.raises(Refused, match="Aucun modèle"):
        other.release(at=other.template.effective_at.replace(year=2020))


def test_verification_codes_are_random_and_readable():
    codes = {new_verification_code() for _ in range(500)}
    assert len(codes) == 500
    assert not set("".join(codes)) - set(ALPHABET) - {"-"}
    assert not set(ALPHABET) & set("01ILO")


def test_write_convention_twice_changes_nothing_the_second_time(db, no_layout):
    convention = ConventionWorld(1).release()[0]
    write_convention(convention_id=str(convention.pk))
    before = list(convention.revisions.values_list("sha256", flat=True))
    mails = OutboxMessage.objects.filter(kind="core.mail").count()
    write_convention(convention_id=str(convention.pk))
    assert list(convention.revisions.values_list("sha256", flat=True)) == before
    assert len(before) == 2
    assert OutboxMessage.objects.filter(kind="core.mail").count() == mails == 1
    assert JournalEntry.objects.filter(chain=convention.chain(), action="convention.seal").count() == 1


def test_write_convention_resumes_after_the_layout(db, no_layout, monkeypatch):
    convention = ConventionWorld(1).release()[0]

    def stop(*args, **kwargs):
        raise OSError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "seal", stop)
        with pytest.raises(OSError, match="killed"):
            write_convention(convention_id=str(convention.pk))
    rendered = convention.revisions.get()
    assert Convention.objects.get().state == ConventionState.PENDING
    write_convention(convention_id=str(convention.pk))
    first, second = convention.revisions.order_by("id")
    assert first == rendered
    assert second.base_sha256 == rendered.sha256
    assert Convention.objects.get().state == ConventionState.SEALED


def test_write_convention_of_what_is_gone_stops_quietly(db):
    write_convention(convention_id=str(uuid4()))
    assert not Revision.objects.exists()
    assert not StoredFile.objects.exists()


def test_batch_ends_with_its_last_convention(db, no_layout):
    world = ConventionWorld(2)
    first, second = world.release()
    write_convention(convention_id=str(first.pk))
    assert Batch.objects.get().state == BatchState.RUNNING
    write_convention(convention_id=str(second.pk))
    batch = Batch.objects.get()
    assert batch.state == BatchState.DONE
    assert batch.finished_at is not None


def test_batch_in_trouble_says_so_and_is_retried(transactional_db, no_layout, monkeypatch):
    world = ConventionWorld(2)
    first, second = world.release()

    def refuse_second(convention):
        if convention.pk == second.pk:
            raise RenderError("no font")
        return b""

    with monkeypatch.context() as patch:
        patch.setattr(writing, "lay_out", refuse_second)
        patch.setattr(writing, "seal", lambda *args, **kwargs: (_ for _ in ()).throw(RenderError("no key")))
        outbox.deliver_all()
    troubles = troubles_of(world.batch)
    assert [row.convention.number for row in troubles] == [first.number, second.number]
    assert [row.attempts for row in troubles] == [1, 1]
    assert not troubles[0].is_abandoned
    assert outbox.due_messages() == []

    OutboxMessage.objects.filter(dedupe_key=f"convention:{second.pk}").update(abandoned_at=timezone.now())
    assert [row.is_abandoned for row in troubles_of(world.batch)] == [False, True]
    first.revisions.count()
    assert retry_batch(batch=world.batch, at=timezone.now(), actor=world.officer) == 2
    assert JournalEntry.objects.filter(action="conventions.batch_retried").count() == 1


def test_retry_leaves_alone_what_is_written(transactional_db, no_layout):
    world = ConventionWorld(1)
    world.release()
    outbox.deliver_all()
    assert troubles_of(world.batch) == []
    assert retry_batch(batch=world.batch, at=timezone.now(), actor=world.officer) == 0


def test_officer_of_another_axis_does_not_retry(client, db):
    """They read the batch, mandated to audit its axis: what they follow is elsewhere."""
    world = ConventionWorld(1)
    world.release()
    other = Axis.objects.create(call=world.call, code="autre", title="Autre", position=9)
    reader = world.agent(MandateRole.OFFICER, mandate={"axis": other})
    make_mandate(reader, world.call, MandateRole.AUDITOR)
    path = f"/conventions/lots/{world.batch.pk}/"
    for user, status, offered in ((reader, 404, False), (world.officer, 302, True)):
        sign_in(client, user)
        page = client.get(path)
        assert page.status_code == 200
        assert page.context["may_retry"] is offered
        entries = JournalEntry.objects.filter(action="conventions.batch_retried").count()
        if not offered:
            with pytest.raises(Refused):
                retry_batch(batch=world.batch, at=timezone.now(), actor=user)
        assert client.post(f"{path}reprise/").status_code == status
        assert JournalEntry.objects.filter(action="conventions.batch_retried").count() == entries + offered


def test_conventions_of_a_rolled_back_release_do_not_exist(transactional_db):
    world = ConventionWorld(1)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        world.release()
        raise ZeroDivisionError
    assert not Convention.objects.exists()
    assert not OutboxMessage.objects.filter(kind="conventions.write").exists()
