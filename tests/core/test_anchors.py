"""The sealed journal convicts even a database superuser who rebuilds what he altered."""

import hashlib
from datetime import UTC, datetime

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from core.anchors import FOLDER, anchor_journal, verify_journal
from core.journal import record
from core.models import JournalAnchor, JournalEntry

AT = datetime(2021, 9, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
def sealed_journal(transactional_db, settings, tmp_path):
    """Three entries in two chains, sealed; the file store and the keys are this test's own."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "files"},
        },
    }
    for chain, action in (("a", "opened"), ("a", "changed"), ("b", "opened")):
        record(chain=chain, action=action, at=AT, actor=None, reason="motif", data={"amount": "10.00"})
    return anchor_journal()


def unlocked(connection, statement, parameters=()):
    """Runs a statement as a superuser who switched every trigger off."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(statement, parameters)


def rebuild_chain(connection, chain):
    """What a forger does after an alteration: computes every hash of the chain again, and its head."""
    previous = ""
    numbers = connection.execute(
        "SELECT number FROM core_journalentry WHERE chain = %s ORDER BY number", [chain]
    ).fetchall()
    for (number,) in numbers:
        unlocked(
            connection,
            "UPDATE core_journalentry SET previous_hash = %s WHERE chain = %s AND number = %s",
            (previous, chain, number),
        )
        text = connection.execute(
            "SELECT core_journal_text(e) FROM core_journalentry e WHERE chain = %s AND number = %s", [chain, number]
        ).fetchone()[0]
        previous = hashlib.sha256(text.encode()).hexdigest()
        unlocked(
            connection,
            "UPDATE core_journalentry SET hash = %s WHERE chain = %s AND number = %s",
            (previous, chain, number),
        )
    unlocked(
        connection,
        "UPDATE core_chain SET head_hash = %s, head_number = %s WHERE name = %s",
        (previous, numbers[-1][0] if numbers else 0, chain),
    )


def test_journal_intact_has_no_problem(sealed_journal):
    report = verify_journal()
    assert report.problems == []
    assert (report.entries, report.chains, report.anchors) == (3, 2, 1)
    call_command("verify_journal")


ALTERATIONS = [
    "UPDATE core_journalentry SET reason = 'autre' WHERE chain = 'a' AND number = 1",
    "UPDATE core_journalentry SET data = '{\"amount\": \"99.00\"}' WHERE chain = 'a' AND number = 2",
    "UPDATE core_journalentry SET actor_id = 7 WHERE chain = 'b'",
    "UPDATE core_journalentry SET at = at + interval '1 second' WHERE chain = 'b'",
    "DELETE FROM core_journalentry WHERE chain = 'a' AND number = 1",
    "DELETE FROM core_journalentry WHERE chain = 'a' AND number = 2",
    "DELETE FROM core_journalentry WHERE chain = 'b'",
    "UPDATE core_journalentry SET number = 3 - number + 10 WHERE chain = 'a'",
]


@pytest.mark.parametrize("statement", ALTERATIONS)
def test_journal_altered_by_superuser_is_convicted(sealed_journal, superuser_connection, statement):
    unlocked(superuser_connection, statement)
    assert verify_journal().problems
    with pytest.raises(CommandError, match="pas intact"):
        call_command("verify_journal")


@pytest.mark.parametrize("statement", ALTERATIONS)
def test_journal_rebuilt_by_superuser_is_convicted_by_the_anchor(sealed_journal, superuser_connection, statement):
    unlocked(superuser_connection, statement)
    for chain in ("a", "b"):
        rebuild_chain(superuser_connection, chain)
    problems = verify_journal().problems
    assert any("scellée" in problem for problem in problems)


def test_anchor_removed_is_accused_by_its_copy(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    assert any("n'est plus dans la base" in problem for problem in verify_journal().problems)


def test_anchor_removed_and_made_again_over_forged_rows_is_accused(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    unlocked(superuser_connection, ALTERATIONS[0])
    rebuild_chain(superuser_connection, "a")
    anchor_journal()
    assert any("scellée" in problem for problem in verify_journal().problems)


def test_anchor_altered_is_convicted(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "UPDATE core_journalanchor SET heads = replace(heads, 'a', 'c')")
    assert verify_journal().problems


def test_anchor_copy_removed_is_convicted(sealed_journal):
    default_storage.delete(f"{FOLDER}/{sealed_journal.sha256}.heads")
    assert any("copie hors base" in problem for problem in verify_journal().problems)


def test_anchors_follow_each_other_and_cover_later_entries(sealed_journal):
    record(chain="a", action="closed", at=AT, actor=None)
    second = anchor_journal()
    assert second.previous_sha256 == sealed_journal.sha256
    assert JournalAnchor.objects.count() == 2
    assert JournalEntry.objects.filter(chain="a").count() == 3
    assert verify_journal().problems == []
