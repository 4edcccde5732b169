"""Our rule, the text of pdfsig and openssl agree on genuine documents, and on altered bytes."""

from pathlib import Path

import pytest

from core.signing.report import Verdict
from core.signing.verify import verify_pdf
from tests.core.signing.referees import make_nss_database, openssl_cms, pdfsig
from tests.core.signing.samples import SignedSample
from tests.core.signing.tampering import flip_last_stamp_byte, flip_signature_byte, flip_signed_byte


@pytest.fixture(scope="module")
def database(sample: SignedSample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_nss_database(tmp_path_factory.mktemp("nss"), sample.trust)


def test_referees_genuine_document_three_judges_agree(sample: SignedSample, database: Path, tmp_path: Path):
    path = tmp_path / "signed.pdf"
    path.write_bytes(sample.pdf)
    verdicts = pdfsig(path, database)
    assert [verdict.field_name for verdict in verdicts] == ["seal", "beneficiary", "state"]
    assert all(verdict.is_valid and verdict.is_trusted for verdict in verdicts)
    assert [verdict.is_total for verdict in verdicts] == [False, False, True]
    assert openssl_cms(sample.pdf, sample.trust, tmp_path) == [True, True, True]
    report = verify_pdf(sample.pdf, trust=sample.trust, expected_revisions=sample.revisions)
    assert report.verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("tamper", "intact"),
    [
        (flip_signed_byte, [False, False, False]),
        (flip_last_stamp_byte, [True, True, False]),
        (flip_signature_byte, [True, True, False]),
    ],
)
def test_referees_altered_bytes_three_judges_agree(
    tamper, intact, sample: SignedSample, database: Path, tmp_path: Path
):
    tampered = tamper(sample.pdf)
    path = tmp_path / "tampered.pdf"
    path.write_bytes(tampered)
    assert [verdict.is_valid for verdict in pdfsig(path, database)] == intact
    assert openssl_cms(tampered, sample.trust, tmp_path) == intact
    report = verify_pdf(tampered, trust=sample.trust)
    assert [item.is_intact for item in report.signatures] == intact
