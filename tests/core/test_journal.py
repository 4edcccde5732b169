"""The journal's chain, and what the serving role may not do to it."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from core.journal import record
from core.models import Chain, JournalEntry

AT = datetime(2021, 9, 21, 8, 0, tzinfo=UTC)


def test_record_numbers_and_chains_entries(db):
    for action in ("essai.opened", "essai.changed", "essai.closed"):
        record(chain="call:test", action=action, at=AT, actor=None, data={"amount": "12.00"})
    rows = list(JournalEntry.objects.filter(chain="call:test"))
    assert [row.number for row in rows] == [1, 2, 3]
    assert rows[0].previous_hash == ""
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert Chain.objects.get(pk="call:test").head_hash == rows[-1].hash


def test_record_by_bulk_create_chains_too(db):
    JournalEntry.objects.bulk_create(JournalEntry(chain="c", action="a", at=AT, number=99) for _ in range(5))
    assert list(JournalEntry.objects.filter(chain="c").values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_record_simultaneous_writers_leave_one_chain(transactional_db):
    def write(_: int) -> None:
        try:
            with transaction.atomic():
                record(chain="busy", action="essai.a", at=AT, actor=None)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(200)))
    rows = list(JournalEntry.objects.filter(chain="busy").order_by("number"))
    assert [row.number for row in rows] == list(range(1, 201))
    assert all(after.previous_hash == before.hash for before, after in itertools.pairwise(rows))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core_journalentry SET reason = 'autre'",
        "DELETE FROM core_journalentry",
        "TRUNCATE core_journalentry",
        "UPDATE core_chain SET head_number = 0",
        "ALTER TABLE core_journalentry DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
def test_journal_is_closed_to_the_serving_role(db, statement):
    record(chain="call:test", action="essai.opened", at=AT, actor=None)
    before = list(JournalEntry.objects.values_list("hash", flat=True))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(JournalEntry.objects.values_list("hash", flat=True)) == before
