"""The whole call, by its own services: figures, ledger, journal, documents, and what convicts a forger."""

import json
from decimal import Decimal
from pathlib import Path

import pikepdf
import pytest

from budget.envelopes import DEPARTEMENT_SHARE
from core.signing.pki import DemonstrationPki
from core.signing.report import Verdict
from core.signing.verify import verify_pdf
from tests.core.signing.referees import make_nss_database, openssl_cms, pdfsig
from tests.demonstration.conftest import DOSSIERS, play

DRAWS = """
import json
from calls.models import Call
from demonstration.play.draw import draw
from demonstration.play.story import _sessions

sessions = _sessions(Call.objects.get(code="transformation-numerique"))
found = {}
for count in (40, 80, 300, 600):
    rows = draw(sessions=sessions, count=count, seed=88)
    rivals = [row for row in rows if row.fate == "acclaimed"]
    found[count] = {
        "count": len(rows),
        "is_repeated": rows == draw(sessions=sessions, count=count, seed=88),
        "fates": sorted({row.fate for row in rows}),
        "packs": sorted({row.fate for row in rows if row.axis == "pack-franceconnect"}),
        "rivals": {
            "departements": sorted({row.territory.departement_code for row in rivals}),
            "requested": [str(row.requested) for row in rivals],
        },
    }
print(json.dumps(found))
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("played")]
OUTCOMES = ("inadmissible", "awarded", "refused", "waitlisted", "redirected", "deferred", "withdrawn")


def test_play_meets_every_outcome_and_counts_each_dossier_once(played):
    figures = played.figures
    assert figures["filed"] == DOSSIERS
    assert sum(figures[outcome] for outcome in OUTCOMES) == DOSSIERS
    assert all(figures[outcome] > 0 for outcome in OUTCOMES)
    assert figures["recusals"] >= 1
    assert figures["overspend_refused"] >= 1
    assert figures["awarded"] >= figures["conventions_signed"] >= figures["paid"] > 0
    assert len(figures["documents"]) == figures["conventions_signed"]


def test_play_redirects_to_another_axis_and_never_a_pack(played):
    with played.superuser() as connection:
        rows = connection.execute(
            "SELECT axis.code, other.code FROM jury_decision decision"
            " JOIN applications_application application ON application.id = decision.application_id"
            " JOIN calls_axis axis ON axis.id = application.axis_id"
            " JOIN calls_axis other ON other.id = decision.redirected_to_id"
        ).fetchall()
    assert len(rows) == played.figures["redirected"] > 0
    for axis, other in rows:
        assert axis != other
        assert "pack-franceconnect" not in (axis, other)


def test_play_waiting_list_is_for_what_the_envelope_cannot_hold(played):
    """« Il sera retenu si des crédits se libèrent » is said of nobody whose envelope still holds what all of them ask."""
    with played.superuser() as connection:
        rows = connection.execute(
            "SELECT envelope.code, sum(application.amount_requested),"
            " max(balance.allocated - balance.delegated - balance.reserved - balance.committed)"
            " FROM applications_application application"
            " JOIN calls_axis axis ON axis.id = application.axis_id"
            " JOIN budget_envelope envelope ON envelope.axis_id = axis.id AND envelope.departement_code ="
            "  CASE WHEN axis.is_territorial THEN application.departement_code ELSE '' END"
            " JOIN budget_balance balance ON balance.envelope_id = envelope.id"
            " WHERE application.state = 'waitlisted' GROUP BY envelope.code"
        ).fetchall()
    assert sum(1 for _ in rows) > 0
    for code, asked, left in rows:
        assert asked > left, code


def test_draw_has_every_fate_at_each_size(played):
    run = played.manage("shell", "--no-imports", "-c", DRAWS)
    assert run.returncode == 0, run.stderr[-3000:]
    for count, draw in json.loads(run.stdout).items():
        assert draw["count"] == int(count)
        assert draw["is_repeated"]
        assert set(draw["fates"]) == {
            "acclaimed",
            "completion",
            "deferred",
            "inadmissible",
            "ordinary",
            "redirected",
            "withdrawn",
        }
        assert "redirected" not in draw["packs"]
        # One département, whose share pays half of them at most: two wait at least, whatever their marks.
        assert len(draw["rivals"]["departements"]) == 1
        requests = sorted(map(int, draw["rivals"]["requested"]))
        assert sum(requests[:-1]) > DEPARTEMENT_SHARE


def test_play_begins_on_a_base_that_nobody_prepared(played):
    assert played.refused.returncode == 1
    assert "La base est vide" in played.refused.stderr
    assert "Traceback" not in played.refused.stderr


def test_play_sums_agree_with_the_ledger_to_the_cent(played):
    envelopes = {
        row["code"]: {name: Decimal(row[name]) for name in row if name != "code"} for row in played.figures["envelopes"]
    }
    root = envelopes["transformation-numerique"]
    assert root["allocated"] == root["delegated"] == Decimal("88000000.00")
    assert [envelopes[f"axe-{n}"]["allocated"] for n in (1, 2, 3)] == [30_000_000, 24_000_000, 34_000_000]
    held = sum(row["reserved"] + row["committed"] for row in envelopes.values())
    assert held == sum(Decimal(amount) for amount in played.figures["amounts_by_axis"].values())
    documents = [embedded(path) for path in played.figures["documents"]]
    assert sum(Decimal(item["amount"]) for item in documents) == sum(row["committed"] for row in envelopes.values())


def embedded(path: str) -> dict:
    with pikepdf.open(path) as pdf:
        return json.loads(pdf.attachments["convention.json"].get_file().read_bytes())


def test_play_documents_embed_their_data(played):
    for path in played.figures["documents"]:
        data = embedded(path)
        keys = {"number", "application", "beneficiary", "siret", "amount", "axis", "rules_version", "reservation"}
        assert keys <= data.keys()
        assert Path(path).stem == data["number"]
        assert isinstance(data["amount"], str)


def test_play_numbers_have_no_gap(played):
    numbers = {}
    with played.superuser() as connection:
        for (number,) in connection.execute("SELECT number FROM conventions_convention"):
            _, year, rank = number.split("-")
            numbers.setdefault(year, []).append(int(rank))
    assert numbers
    assert all(sorted(ranks) == list(range(1, len(ranks) + 1)) for ranks in numbers.values())


def test_play_again_with_one_seed_gives_the_same_figures(played):
    again = play(played)
    changing = {"documents", "envelopes"}
    assert {key: again[key] for key in again.keys() - changing} == {
        key: played.figures[key] for key in played.figures.keys() - changing
    }
    first = [{k: v for k, v in row.items() if k != "code"} for row in played.figures["envelopes"]]
    assert [{k: v for k, v in row.items() if k != "code"} for row in again["envelopes"]] == first
    assert len(again["documents"]) == len(played.figures["documents"])


def test_play_signed_documents_convince_three_referees(played, tmp_path):
    trust = DemonstrationPki(played.data_dir / "pki").trust()
    database = make_nss_database(tmp_path, trust)
    for name in played.figures["documents"]:
        content = Path(name).read_bytes()
        report = verify_pdf(content, trust=trust)
        assert report.verdict == Verdict.PASSED
        assert [item.kind.value for item in report.signatures] == ["seal", "signature", "signature"]
        seen = pdfsig(Path(name), database)
        assert [(row.is_valid, row.is_trusted, row.is_total) for row in seen] == [
            (True, True, False),
            (True, True, False),
            (True, True, True),
        ]
        assert openssl_cms(content, trust, tmp_path) == [True, True, True]


@pytest.mark.parametrize("command", [("verify_ledger",), ("verify_journal",), ("verify_document", "--all")])
def test_verify_on_the_play_finds_nothing(played, command):
    run = played.manage(*command)
    assert (run.returncode, run.stderr) == (0, "")


def test_verify_document_convicts_one_byte(played, tmp_path):
    path = Path(played.figures["documents"][0])
    assert played.manage("verify_document", path).returncode == 0
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(content)
    run = played.manage("verify_document", forged)
    assert run.returncode != 0
    assert "forged.pdf : document refusé" in run.stderr


@pytest.mark.parametrize(
    ("alter", "restore", "command"),
    [
        (
            "UPDATE core_journalentry SET reason = reason || ' ' WHERE id = (SELECT min(id) FROM core_journalentry)",
            "UPDATE core_journalentry SET reason = left(reason, -1) WHERE id = (SELECT min(id) FROM core_journalentry)",
            "verify_journal",
        ),
        (
            "UPDATE budget_ledgerentry SET amount = amount + 0.01 WHERE movement = 'commit'",
            "UPDATE budget_ledgerentry SET amount = amount - 0.01 WHERE movement = 'commit'",
            "verify_ledger",
        ),
        (
            "UPDATE budget_balance SET paid = paid - 0.01 WHERE paid > 0",
            "UPDATE budget_balance SET paid = paid + 0.01 WHERE paid > 0",
            "verify_ledger",
        ),
    ],
)
def test_verify_convicts_what_a_superuser_altered(played, alter, restore, command):
    with played.superuser() as connection:
        connection.execute(alter)
        try:
            run = played.manage(command)
        finally:
            connection.execute(restore)
    assert run.returncode != 0
    assert run.stderr.strip()
    assert played.manage(command).returncode == 0
