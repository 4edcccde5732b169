"""The sealed journal convicts even a database superuser who rebuilds what he altered."""

import hashlib
import io
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection

from core import anchors
from core.anchor_heads import said_digest
from core.anchors import ANCHORING, FOLDER, AnchoringBusy, anchor_journal, verify_journal
from core.journal import record
from core.models import Chain, JournalAnchor, JournalEntry
from core.signing.timestamps import TimestampError
from core.tasks import anchor_journal_task

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
    for chain, action in (("a", "essai.opened"), ("a", "essai.changed"), ("b", "essai.opened")):
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


@pytest.mark.parametrize("heads", ["x", "a\tx\ty\n", "a\t²\ty\n", ""])
def test_anchor_made_unreadable_is_told_and_the_rest_is_still_read(sealed_journal, superuser_connection, heads):
    unlocked(superuser_connection, "UPDATE core_journalanchor SET heads = %s", (heads,))
    unlocked(superuser_connection, ALTERATIONS[0])
    problems = verify_journal().problems
    assert "Ancrage n° 1 : son contenu a été modifié." in problems
    assert "Chaîne a, n° 1 : le contenu a été modifié." in problems


def test_copy_of_an_anchor_made_unreadable_accuses_and_stops_nothing(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    path = Path(default_storage.path(sealed_journal.storage_key))
    path.write_bytes(b"\xff\x00 not text")
    assert any("n’est plus dans la base" in problem for problem in verify_journal().problems)
    assert anchor_journal().number == 2


def test_anchor_removed_is_accused_by_its_copy(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    assert any("n’est plus dans la base" in problem for problem in verify_journal().problems)


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


@pytest.mark.parametrize(("kind", "told"), [("heads", "de ses têtes"), ("tsr", "de son jeton")])
@pytest.mark.parametrize("content", [b"", b"autre"])
def test_anchor_copy_that_says_something_else_is_convicted(sealed_journal, kind, told, content):
    assert verify_journal().problems == []
    Path(default_storage.path(f"{FOLDER}/{sealed_journal.sha256}.{kind}")).write_bytes(content)
    assert verify_journal().problems == [f"Ancrage n° 1 : la copie hors base {told} n’est plus la même."]


def test_anchors_follow_each_other_and_cover_later_entries(sealed_journal):
    record(chain="a", action="essai.closed", at=AT, actor=None)
    second = anchor_journal()
    assert second.previous_sha256 == sealed_journal.sha256
    assert JournalAnchor.objects.count() == 2
    assert JournalEntry.objects.filter(chain="a").count() == 3
    assert verify_journal().problems == []


# ------------------------------------------------------------------ what moved, and the rest

SUMMARY = "son résumé de toutes les chaînes ne correspond plus aux ancrages précédents."


def change(chain):
    record(chain=chain, action="essai.changed", at=AT, actor=None)


def test_anchor_tells_what_moved_and_the_digest_of_all(sealed_journal):
    change("a")
    change("c")
    heads = {name: f"{name}\t{number}\t{digest}\n" for name, number, digest in Chain.objects.values_list()}
    everything = hashlib.sha256("".join(heads[name] for name in "abc").encode()).hexdigest()
    first, *others = anchor_journal().heads.splitlines(keepends=True)
    assert first == f"moved since the anchor before; all heads: sha256 {everything}\n"
    assert others == [heads["a"], heads["c"]]
    assert anchor_journal().heads == first
    assert verify_journal().problems == []


def test_anchor_does_not_grow_with_the_chains_that_stay(sealed_journal):
    for number in range(300):
        change(f"application:{number:036}")
    grown = anchor_journal()
    change("a")
    assert len(grown.heads) > 300 * 100
    assert len(anchor_journal().heads) < 300
    assert verify_journal().problems == []


def test_anchors_of_a_former_version_are_followed_by_what_moved(sealed_journal, monkeypatch):
    """They all name every chain."""
    with monkeypatch.context() as patched:
        patched.setattr(anchors, "_heads_before", lambda: None)
        for _ in range(2):
            change("a")
            assert said_digest(anchor_journal().heads) == ""
    change("b")
    assert said_digest(anchor_journal().heads)
    report = verify_journal()
    assert (report.anchors, report.problems) == (4, [])


def test_one_anchor_in_so_many_names_every_chain(sealed_journal, monkeypatch):
    monkeypatch.setattr(anchors, "ALL_HEADS_EVERY", 3)
    for _ in range(6):
        change("a")
        anchor_journal()
    kept = JournalAnchor.objects.order_by("number").values_list("heads", flat=True)
    assert ["b\t1" in heads for heads in kept] == [True, False, False, True, False, False, True]
    assert verify_journal().problems == []


@pytest.mark.parametrize("statement", ALTERATIONS)
def test_journal_rebuilt_under_anchors_of_what_moved_is_convicted(sealed_journal, superuser_connection, statement):
    """The last anchors name neither chain: the first still does, now and after the next one."""
    for _ in range(2):
        change("c")
        anchor_journal()
    unlocked(superuser_connection, statement)
    for chain in ("a", "b"):
        rebuild_chain(superuser_connection, chain)
    assert any("scellée" in problem for problem in verify_journal().problems)
    anchor_journal()
    assert any("scellée" in problem for problem in verify_journal().problems)


def test_chain_that_is_gone_is_convicted_and_the_next_anchor_names_all_that_is_left(
    sealed_journal, superuser_connection
):
    change("a")
    anchor_journal()
    unlocked(superuser_connection, "DELETE FROM core_journalentry WHERE chain = 'b'")
    unlocked(superuser_connection, "DELETE FROM core_chain WHERE name = 'b'")
    gone = ["Ancrage n° 1 : la chaîne b n’a plus l’écriture n° 1 qui y était scellée."]
    assert verify_journal().problems == gone
    assert said_digest(anchor_journal().heads) == ""
    change("a")
    assert said_digest(anchor_journal().heads)
    assert verify_journal().problems == gone


def test_heads_taken_out_of_an_anchor_are_missed_by_the_next(sealed_journal, superuser_connection):
    change("a")
    anchor_journal()
    kept = "".join(line for line in sealed_journal.heads.splitlines(keepends=True) if not line.startswith("b"))
    unlocked(superuser_connection, "UPDATE core_journalanchor SET heads = %s WHERE number = 1", (kept,))
    assert f"Ancrage n° 2 : {SUMMARY}" in verify_journal().problems
    # What does not add up is not built upon.
    third = anchor_journal()
    assert "b\t1" in third.heads
    assert f"Ancrage n° 3 : {SUMMARY}" not in verify_journal().problems


def test_anchor_in_the_middle_removed_with_its_copies_is_missed_by_the_next(sealed_journal, superuser_connection):
    """What it alone said cannot be told any more; that it said something can."""
    change("b")
    second = anchor_journal()
    change("a")
    anchor_journal()
    unlocked(superuser_connection, "DELETE FROM core_journalanchor WHERE number = 2")
    for kind in ("heads", "tsr"):
        default_storage.delete(f"{FOLDER}/{second.sha256}.{kind}")
    assert f"Ancrage n° 3 : {SUMMARY}" in verify_journal().problems
    assert said_digest(anchor_journal().heads) == ""


def take_away(connection, *removed):
    """What somebody does who owns the database and the file store."""
    for anchor in removed:
        unlocked(connection, "DELETE FROM core_journalanchor WHERE sha256 = %s", (anchor.sha256,))
        for kind in ("heads", "tsr"):
            default_storage.delete(f"{FOLDER}/{anchor.sha256}.{kind}")


@pytest.mark.parametrize("is_all", [False, True])
def test_last_anchors_removed_with_their_copies_are_missed_by_their_series(
    sealed_journal, superuser_connection, is_all
):
    change("b")
    second = anchor_journal()
    take_away(superuser_connection, second, *([sealed_journal] if is_all else []))
    report = verify_journal()
    missing = ["L’ancrage n° 2 a été fait et n’est plus dans la base."]
    assert report.problems == ["L’ancrage n° 1 a été fait et n’est plus dans la base."] * is_all + missing
    unlocked(superuser_connection, "UPDATE core_numberseries SET last = 0 WHERE code = 'journal-anchor'")
    put_back = [] if is_all else ["Ancrage n° 1 : la série de ses numéros s’arrête au n° 0."]
    assert verify_journal().problems == put_back


def test_anchor_noted_elsewhere_convicts_who_made_everything_anew(sealed_journal, superuser_connection):
    noted = verify_journal().last_anchor
    assert noted == sealed_journal.sha256
    take_away(superuser_connection, sealed_journal)
    unlocked(superuser_connection, "UPDATE core_numberseries SET last = 0 WHERE code = 'journal-anchor'")
    unlocked(superuser_connection, "UPDATE core_journalentry SET reason = 'forged' WHERE chain = 'b'")
    rebuild_chain(superuser_connection, "b")
    anchor_journal()
    assert verify_journal().problems == []
    call_command("verify_journal", stdout=io.StringIO())
    with pytest.raises(CommandError, match=f"L’ancrage {noted[:12]}… que vous donnez n’est pas dans la base"):
        call_command("verify_journal", anchor=noted.upper(), stdout=io.StringIO())


# ------------------------------------------------------------------ interrupted, or two at once


class Killed(BaseException):
    """What a killed process looks like from inside: no handler of errors sees it."""


def die_before_the_row(monkeypatch):
    """Anchors, and dies once the copies are kept and the row is not yet inserted."""

    def killed(**fields):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(JournalAnchor.objects, "create", killed)
        with pytest.raises(Killed):
            anchor_journal()


@pytest.mark.parametrize("entries_meanwhile", [0, 2])
def test_anchor_interrupted_before_its_row_is_taken_up_by_the_next(sealed_journal, monkeypatch, entries_meanwhile):
    record(chain="a", action="essai.closed", at=AT, actor=None)
    die_before_the_row(monkeypatch)
    assert [problem for problem in verify_journal().problems if "a été interrompu" not in problem] == []
    for _ in range(entries_meanwhile):
        record(chain="b", action="essai.closed", at=AT, actor=None)
    last = anchor_journal()
    assert last.number == 3
    taken_up = JournalAnchor.objects.get(number=2)
    assert taken_up.previous_sha256 == sealed_journal.sha256
    assert last.previous_sha256 == taken_up.sha256
    assert verify_journal().problems == []


@pytest.mark.parametrize("begun", [b"", b"a\t2\tcut"])
def test_anchor_interrupted_between_its_two_copies_leaves_no_accusation(sealed_journal, monkeypatch, begun):
    """The token is kept last: heads alone, whole or cut short, are the beginning of an anchor that was never made."""
    digest = anchors.anchor_digest(sealed_journal.sha256, anchors.heads_to_seal()).hex()
    default_storage.save(f"{FOLDER}/{digest}.heads", ContentFile(begun))
    assert verify_journal().problems == []
    assert anchor_journal().sha256 == digest
    assert sorted(default_storage.listdir(FOLDER)[1]) == sorted(
        f"{sha256}.{kind}" for sha256 in (sealed_journal.sha256, digest) for kind in ("heads", "tsr")
    )
    assert verify_journal().problems == []


def test_anchors_at_once_follow_each_other(sealed_journal):
    start = threading.Barrier(4)

    def attempt(_):
        try:
            start.wait(20)
            return anchor_journal().number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [2, 3, 4, 5]
    assert verify_journal().problems == []


def test_anchor_removed_then_taken_up_still_shows_the_hole(sealed_journal, superuser_connection):
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    assert not any("manque" in problem for problem in verify_journal().problems)
    anchor_journal()
    again = JournalAnchor.objects.get(sha256=sealed_journal.sha256)
    assert (again.heads, bytes(again.token)) == (sealed_journal.heads, bytes(sealed_journal.token))
    assert "Ancrage n° 2 : l’ancrage n° 1 manque." in verify_journal().problems


def test_anchor_removed_under_a_later_one_is_accused_for_ever(sealed_journal, superuser_connection):
    record(chain="a", action="essai.closed", at=AT, actor=None)
    anchor_journal()
    unlocked(superuser_connection, "DELETE FROM core_journalanchor WHERE number = 1")
    for _ in range(2):
        problems = verify_journal().problems
        assert any(
            sealed_journal.sha256[:12] in problem and "n’est plus dans la base" in problem for problem in problems
        )
        anchor_journal()
    assert not JournalAnchor.objects.filter(sha256=sealed_journal.sha256).exists()


def test_anchor_removed_and_another_made_in_its_place_is_accused_by_its_copy(sealed_journal, superuser_connection):
    """Its copy follows what the other follows too; the chains are untouched, and the removal shows all the same."""
    names = [f"{sealed_journal.sha256}.{kind}" for kind in ("heads", "tsr")]
    hidden = {name: anchors._read(f"{FOLDER}/{name}") for name in names}
    unlocked(superuser_connection, "DELETE FROM core_journalanchor")
    unlocked(superuser_connection, "UPDATE core_numberseries SET last = 0 WHERE code = 'journal-anchor'")
    for name in names:
        default_storage.delete(f"{FOLDER}/{name}")
    record(chain="a", action="essai.closed", at=AT, actor=None)
    anchor_journal()
    assert verify_journal().problems == []
    for name, content in hidden.items():
        default_storage.save(f"{FOLDER}/{name}", ContentFile(content))
    assert any("n’est plus dans la base" in problem for problem in verify_journal().problems)


def test_copy_without_a_trusted_token_is_never_taken_up(sealed_journal, monkeypatch):
    record(chain="a", action="essai.closed", at=AT, actor=None)
    die_before_the_row(monkeypatch)
    record(chain="a", action="essai.opened", at=AT, actor=None)
    (copy,) = {name[:64] for name in default_storage.listdir(FOLDER)[1]} - {sealed_journal.sha256}
    default_storage.delete(f"{FOLDER}/{copy}.tsr")
    default_storage.save(f"{FOLDER}/{copy}.tsr", ContentFile(bytes(sealed_journal.token)))
    assert anchor_journal().number == 2
    assert not JournalAnchor.objects.filter(sha256=copy).exists()
    assert any(copy[:12] in problem for problem in verify_journal().problems)


def test_copy_under_another_name_is_never_taken_up(sealed_journal, monkeypatch):
    record(chain="a", action="essai.closed", at=AT, actor=None)
    die_before_the_row(monkeypatch)
    (copy,) = {name[:64] for name in default_storage.listdir(FOLDER)[1]} - {sealed_journal.sha256}
    for kind in ("heads", "tsr"):
        content = anchors._read(f"{FOLDER}/{copy}.{kind}")
        default_storage.delete(f"{FOLDER}/{copy}.{kind}")
        default_storage.save(f"{FOLDER}/{'0' * 64}.{kind}", ContentFile(content))
    record(chain="a", action="essai.opened", at=AT, actor=None)
    assert anchor_journal().number == 2
    assert [problem for problem in verify_journal().problems if "000000000000…" not in problem] == []


def test_anchor_while_another_holds_the_right_is_refused_and_changes_nothing(sealed_journal, superuser_connection):
    holder = "SELECT {}(hashtextextended(%s, 11))"
    superuser_connection.execute(holder.format("pg_advisory_lock"), [ANCHORING])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with pytest.raises(AnchoringBusy):
        anchor_journal()
    with pytest.raises(CommandError, match="sauvegarde est en cours"):
        call_command("anchor_journal")
    assert JournalAnchor.objects.count() == 1
    assert len(default_storage.listdir(FOLDER)[1]) == 2
    superuser_connection.execute(holder.format("pg_advisory_unlock"), [ANCHORING])
    assert anchor_journal().number == 2


def test_anchor_whose_connection_was_lost_keeps_no_copy(sealed_journal, superuser_connection, monkeypatch):
    """The lock went with the connection: another may have anchored while the authority answered."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()

    def lost(digest, *, source):
        superuser_connection.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
        return b"token"

    with monkeypatch.context() as patched:
        patched.setattr(anchors, "timestamp_digest", lost)
        with pytest.raises((OperationalError, InterfaceError)):
            anchor_journal()
    connection.close()
    assert len(default_storage.listdir(FOLDER)[1]) == 2
    assert anchor_journal().number == 2


STORE_AWAY = ClientError({"Error": {"Code": "503"}}, "PutObject")


@pytest.mark.parametrize(
    "trouble",
    [
        AnchoringBusy("occupé"),
        TimestampError("away"),
        OSError("disk"),
        OperationalError("x"),
        InterfaceError("x"),
        STORE_AWAY,
    ],
    ids=["busy", "authority", "disk", "database", "lost connection", "store"],
)
def test_anchor_task_tries_again_when_busy_or_without_authority(sealed_journal, monkeypatch, trouble):
    answers = [trouble, trouble, None]

    def answer():
        if error := answers.pop(0):
            raise error

    monkeypatch.setattr(anchors, "anchor_journal", answer)
    assert anchor_journal_task.apply().successful()
    assert answers == []


def test_verification_holds_one_anchor_at_a_time(sealed_journal, superuser_connection):
    size = 1_000_000
    for number in range(2, 42):
        unlocked(
            superuser_connection,
            "INSERT INTO core_journalanchor (number, sealed_at, heads, previous_sha256, sha256, token, storage_key)"
            " VALUES (%s, now(), 'a' || chr(9) || '1' || chr(9) || repeat('0', %s), '', %s, '', '')",
            (number, size, f"{number:064x}"),
        )
    tracemalloc.start()
    try:
        report = verify_journal()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.anchors == 41
    assert peak < 12 * size
