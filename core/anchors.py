"""The daily seal of the journal: the heads of all chains, hashed and timestamped by an authority outside the database.

From the first anchor on, a row removed, altered or reordered is found even when a database superuser did it and
rebuilt the chain: the token was signed elsewhere over the old heads.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from core import keyring
from core.anchor_heads import Replay, all_of, lines, moved, points, said_digest
from core.locks import exclusive
from core.models import Chain, JournalAnchor, NumberSeries
from core.series import take_number
from core.signing.timestamps import TimestampError, timestamp_digest, verify_timestamp_token

logger = logging.getLogger("guichet.journal")

FOLDER = "anchors"
SERIES = "journal-anchor"
# Held while an anchor or a backup is made.
ANCHORING = "journal-anchor"
# One anchor in as many names every chain: a proof never needs more than these to be read again.
ALL_HEADS_EVERY = 30


def anchor_digest(previous_sha256: str, heads: str) -> bytes:
    """SHA-256 over the previous anchor's digest and the heads: anchors form a chain of their own."""
    return hashlib.sha256(f"{previous_sha256}\n{heads}".encode()).digest()


def heads_to_seal() -> str:
    """The heads of all chains at one instant of the database (one statement): in whole, or what moved since the last
    anchor.

    In whole each time that what moved would not tell the rest: the first time, once in ``ALL_HEADS_EVERY``, when the
    anchors before do not add up, and when a chain that they name is gone.
    """
    now = lines(Chain.objects.values_list("name", "head_number", "head_hash"))
    before = _heads_before()
    if before is None or not before.keys() <= now.keys():
        return all_of(now)
    return moved(before, now)


def _heads_before() -> dict[str, str] | None:
    """All heads as the last anchors tell them, back to the one that names every chain; None when they cannot."""
    newest = JournalAnchor.objects.order_by("-number").values_list("heads", flat=True)
    since: list[str] = []
    # One at a time: those of former versions all name every chain.
    while len(since) < ALL_HEADS_EVERY and (text := newest[len(since) : len(since) + 1].first()) is not None:
        since.append(text)
        if not said_digest(text):
            break
    replay = Replay()
    if not since or len(since) == ALL_HEADS_EVERY or not all(replay.read(text) for text in reversed(since)):
        return None
    return replay.told


class AnchoringBusy(Exception):
    """Somebody else anchors or makes a backup, for longer than the session waits; the message is for the operator."""


@contextmanager
def no_other_anchor() -> Iterator[None]:
    """Nobody else anchors meanwhile. Waits for the session's ``lock_timeout``, then raises AnchoringBusy."""
    with exclusive(ANCHORING, waits=True) as held:
        if not held:
            raise AnchoringBusy("Un autre ancrage ou une sauvegarde est en cours : recommencez quand ce sera fini.")
        yield


def anchor_journal() -> JournalAnchor:
    """Seals the journal as it is now (real time), after having taken up an anchor that was interrupted.

    One at a time. The token is asked for outside any transaction; copies go to the file store before the row exists.
    Raises AnchoringBusy, TimestampError.
    """
    with no_other_anchor():
        _take_up_interrupted()
        previous_sha256 = _last_sha256()
        heads = heads_to_seal()
        digest = anchor_digest(previous_sha256, heads)
        token = timestamp_digest(digest, source=keyring.timestamp_source())
        # A connection lost while the authority answered took the lock with it: this question fails then.
        if _last_sha256() != previous_sha256:
            raise AnchoringBusy("Un autre ancrage a été fait en même temps : recommencez.")
        _keep(_copy(digest.hex(), "heads"), heads.encode())
        _keep(_copy(digest.hex(), "tsr"), token)
        return _insert(previous_sha256, digest, heads, token, timezone.now())


def _last_sha256() -> str:
    return JournalAnchor.objects.order_by("-number").values_list("sha256", flat=True).first() or ""


def _insert(previous_sha256: str, digest: bytes, heads: str, token: bytes, sealed_at: datetime) -> JournalAnchor:
    """The row. Its number shows a row removed before: the series remembers what it gave."""
    with transaction.atomic():
        return JournalAnchor.objects.create(
            number=take_number(SERIES),
            sealed_at=sealed_at,
            heads=heads,
            previous_sha256=previous_sha256,
            sha256=digest.hex(),
            token=token,
            storage_key=_copy(digest.hex(), "heads"),
        )


def _take_up_interrupted() -> None:
    """Inserts the row of each copy that directly follows the last row and whose token is trusted.

    That is an anchor whose process died between copies and row; or one whose row was removed, and then the row comes
    back, under a number that leaves a hole. A copy that follows an earlier row is left as it is, to be accused.
    """
    orphans = _copies() - set(JournalAnchor.objects.values_list("sha256", flat=True))
    trust = keyring.trust_material() if orphans else None
    while orphans and trust:
        previous_sha256 = _last_sha256()
        for sha256 in sorted(orphans):
            heads = _read(_copy(sha256, "heads")).decode(errors="replace")
            token = _read(_copy(sha256, "tsr"))
            digest = anchor_digest(previous_sha256, heads)
            if digest.hex() != sha256:
                continue
            try:
                sealed_at = verify_timestamp_token(token, digest, trust=trust).at
            except TimestampError:
                continue
            _insert(previous_sha256, digest, heads, token, sealed_at)
            logger.warning("journal_anchor_taken_up", extra={"sha256": sha256})
            orphans.remove(sha256)
            break
        else:
            return


def _copy(sha256: str, kind: str) -> str:
    return f"{FOLDER}/{sha256}.{kind}"


def _copies() -> set[str]:
    """Digests of the anchors kept in the file store, complete: the token is written last."""
    try:
        _, names = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return set()
    heads, tokens = ({name.removesuffix(kind) for name in names if name.endswith(kind)} for kind in (".heads", ".tsr"))
    return heads & tokens


def _read(key: str) -> bytes:
    with default_storage.open(key) as handle:
        content: bytes = handle.read()
    return content


def _keep(key: str, content: bytes) -> None:
    """Writes a copy at exactly this key: the store would give another name to what an interrupted anchor began."""
    if default_storage.exists(key):
        if _read(key) == content:
            return
        default_storage.delete(key)
    default_storage.save(key, ContentFile(content))


@dataclass
class JournalReport:
    """What a verification found: ``problems`` are French sentences, empty when the journal is intact."""

    entries: int = 0
    chains: int = 0
    anchors: int = 0
    anchored_at: datetime | None = None
    last_anchor: str = ""
    problems: list[str] = field(default_factory=list)


def _netstring(value: object) -> bytes:
    encoded = ("" if value is None else str(value)).encode()
    return str(len(encoded)).encode() + b":" + encoded + b","


_ROWS = """
    SELECT chain, number,
           to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           actor_id, on_behalf_of_id, action, from_state, to_state, reason, data::text, previous_hash, hash
    FROM core_journalentry ORDER BY chain COLLATE "C", number
"""


def verify_journal(*, known: str = "") -> JournalReport:
    """Reads the whole journal again: each hash is computed here, in Python, so that altered SQL cannot hide.

    One snapshot for rows, heads and anchors, so that a site at work raises no false alarm. The heads of one anchor are
    held at a time, with what those before leave: some name every chain. ``known`` is the SHA-256 of an anchor, noted
    where nobody who owns this site can write: whatever was made anew since, that one is then missing.
    """
    report = JournalReport()
    # Before the snapshot: the copy of an anchor made meanwhile must not accuse a snapshot that has no row for it. Nor is
    # the store read while the snapshot is held.
    in_rows = set(JournalAnchor.objects.values_list("sha256", flat=True))
    copies = {sha256: _read(_copy(sha256, "heads")).decode(errors="replace") for sha256 in _copies() - in_rows}
    found: dict[tuple[str, int], str] = {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Allowed as the first statement only; a nested call keeps the isolation of its caller.
            if len(connection.savepoint_ids) == 0:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        wanted = {point for text in copies.values() for point in _wanted(text)}
        for anchor in _anchors():
            wanted.update(_wanted(anchor.heads))
        heads = _walk_chains(report, wanted, found)
        _compare_heads(report, heads)
        rows = _verify_anchors(report, found)
        _compare_series(report, rows)
    if known and known not in rows:
        report.problems.append(f"L’ancrage {known[:12]}… que vous donnez n’est pas dans la base.")
    _compare_copies(report, rows)
    for sha256, text in _copies_without_row(report, rows, copies).items():
        _compare_points(report, f"Copie d’ancrage {sha256[:12]}…", text, found)
    return report


def _anchors() -> Iterator[JournalAnchor]:
    return JournalAnchor.objects.order_by("number").iterator(chunk_size=1)


def _wanted(heads: str) -> set[tuple[str, int]]:
    return {(chain, number) for chain, number, _ in points(heads)}


def _compare_points(report: JournalReport, name: str, heads: str, found: dict[tuple[str, int], str]) -> None:
    for chain, number, expected in points(heads):
        if number and found.get((chain, number)) != expected:
            report.problems.append(f"{name} : la chaîne {chain} n’a plus l’écriture n° {number} qui y était scellée.")


def _walk_chains(
    report: JournalReport, wanted: set[tuple[str, int]], found: dict[tuple[str, int], str]
) -> dict[str, tuple[int, str]]:
    heads: dict[str, tuple[int, str]] = {}
    # Of the server: another cursor would bring the whole journal here at once.
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS)
        while rows := cursor.fetchmany(5000):
            for *parts, digest in rows:
                chain, number, previous_hash = parts[0], parts[1], parts[-1]
                report.entries += 1
                last_number, last_hash = heads.get(chain, (0, ""))
                if number != last_number + 1:
                    report.problems.append(
                        f"Chaîne {chain} : l’écriture n° {last_number + 1} manque (n° {number} trouvé à sa place)."
                    )
                if previous_hash != last_hash:
                    report.problems.append(
                        f"Chaîne {chain}, n° {number} : le lien avec l’écriture précédente est rompu."
                    )
                if hashlib.sha256(b"".join(map(_netstring, parts))).hexdigest() != digest:
                    report.problems.append(f"Chaîne {chain}, n° {number} : le contenu a été modifié.")
                heads[chain] = (number, digest)
                if (chain, number) in wanted:
                    found[chain, number] = digest
    report.chains = len(heads)
    return heads


def _compare_heads(report: JournalReport, heads: dict[str, tuple[int, str]]) -> None:
    recorded = {
        name: (number, digest) for name, number, digest in Chain.objects.values_list("name", "head_number", "head_hash")
    }
    for name in sorted(recorded.keys() | heads.keys()):
        if recorded.get(name, (0, "")) != heads.get(name, (0, "")):
            report.problems.append(f"Chaîne {name} : la tête enregistrée ne correspond pas à la dernière écriture.")


@dataclass(frozen=True)
class _Row:
    """What a row of an anchor says that its copies must say too."""

    number: int
    heads: bytes
    token: bytes


def _content_digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _verify_anchors(report: JournalReport, found: dict[tuple[str, int], str]) -> dict[str, _Row]:
    """Each row: its place, its content, its token, the entries that it seals. Returns what their copies must say, by
    digest of the anchor, in order: hashes, since the heads of one may name every chain."""
    trust = keyring.trust_material()
    previous = ""
    rows: dict[str, _Row] = {}
    replay = Replay()
    for position, anchor in enumerate(_anchors(), start=1):
        report.anchors += 1
        name = f"Ancrage n° {anchor.number}"
        if anchor.number != position:
            report.problems.append(f"{name} : l’ancrage n° {position} manque.")
        digest = anchor_digest(anchor.previous_sha256, anchor.heads)
        if anchor.previous_sha256 != previous or digest.hex() != anchor.sha256:
            report.problems.append(f"{name} : son contenu a été modifié.")
        try:
            report.anchored_at = verify_timestamp_token(bytes(anchor.token), digest, trust=trust).at
        except TimestampError:
            report.problems.append(f"{name} : le jeton d’horodatage ne prouve plus ce contenu.")
        if not replay.read(anchor.heads):
            report.problems.append(
                f"{name} : son résumé de toutes les chaînes ne correspond plus aux ancrages précédents."
            )
        _compare_points(report, name, anchor.heads, found)
        previous = anchor.sha256
        heads, token = _content_digest(anchor.heads.encode()), _content_digest(bytes(anchor.token))
        rows[anchor.sha256] = _Row(anchor.number, heads, token)
    report.last_anchor = previous
    return rows


def _compare_series(report: JournalReport, rows: dict[str, _Row]) -> None:
    """Nothing follows the last anchors: the series alone tells that some were taken away with their copies."""
    here = max((row.number for row in rows.values()), default=0)
    drawn = NumberSeries.objects.filter(code=SERIES).values_list("last", flat=True).first() or 0
    for number in range(here + 1, drawn + 1):
        report.problems.append(f"L’ancrage n° {number} a été fait et n’est plus dans la base.")
    if here > drawn:
        report.problems.append(f"Ancrage n° {here} : la série de ses numéros s’arrête au n° {drawn}.")


def _compare_copies(report: JournalReport, rows: dict[str, _Row]) -> None:
    """The copies outside the database prove nothing unless they are those of the rows, byte for byte."""
    kept = _copies()
    for sha256, row in rows.items():
        name = f"Ancrage n° {row.number}"
        if sha256 not in kept:
            report.problems.append(f"{name} : sa copie hors base a disparu.")
        elif _content_digest(_read(_copy(sha256, "heads"))) != row.heads:
            report.problems.append(f"{name} : la copie hors base de ses têtes n’est plus la même.")
        elif _content_digest(_read(_copy(sha256, "tsr"))) != row.token:
            report.problems.append(f"{name} : la copie hors base de son jeton n’est plus la même.")


def _copies_without_row(report: JournalReport, rows: dict[str, _Row], copies: dict[str, str]) -> dict[str, str]:
    """Heads of the ``copies`` whose row is not in the database, by digest. Each accuses: its row was removed.

    Only the one that directly follows the last row may be innocent, an anchor interrupted before its row was there:
    the sentence says so, and the next anchor takes it up.
    """
    kept = _copies()
    last = next(reversed(rows), "")
    without_row = {sha256: copies[sha256] for sha256 in sorted(copies.keys() & kept - rows.keys())}
    for sha256, heads in without_row.items():
        problem = f"L’ancrage {sha256[:12]}… existe hors base mais n’est plus dans la base."
        if anchor_digest(last, heads).hex() == sha256:
            problem += " S’il a été interrompu, « manage.py anchor_journal » le reprend."
        report.problems.append(problem)
    return without_row
