"""The demonstration's infrastructure: made once, whole, private, and marked for what it is."""

import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from asn1crypto import crl, x509

from core.signing.certificates import kind_of_certificate
from core.signing.keys import Pkcs12Source, SigningKeyError, common_name_of, open_signer
from core.signing.pki import DemonstrationPki
from core.signing.report import SignatureKind


def certificate_of(source: Pkcs12Source) -> x509.Certificate:
    with open_signer(source) as signer:
        assert signer.signing_cert is not None
        return signer.signing_cert


def encoded(source: Pkcs12Source) -> bytes:
    return bytes(certificate_of(source).dump())


def test_pki_every_subject_says_demonstration_and_lasts_ten_years(pki: DemonstrationPki):
    person = pki.person_source("a", common_name="Ana Roux", organisation="Dole")
    authorities = [*pki.trust().roots, *pki.trust().intermediates]
    certificates = [x509.Certificate.load(data) for data in authorities]
    certificates += [certificate_of(source) for source in (pki.seal_source(), pki.timestamp_source(), person)]
    for certificate in certificates:
        assert certificate.subject.native["organization_name"] == "Guichet — démonstration"
        assert certificate.not_valid_before < datetime.now(UTC)
        assert certificate.not_valid_after > datetime.now(UTC) + timedelta(days=3653)
    assert len({certificate.serial_number for certificate in certificates}) == 5


def test_pki_kinds_tell_a_seal_from_a_person(pki: DemonstrationPki):
    person = pki.person_source("a", common_name="Ana Roux", organisation="Dole")
    assert kind_of_certificate(certificate_of(pki.seal_source())) is SignatureKind.SEAL
    assert kind_of_certificate(certificate_of(person)) is SignatureKind.SIGNATURE
    # A certificate that declares nothing and names no person makes a seal at most.
    assert kind_of_certificate(certificate_of(pki.timestamp_source())) is SignatureKind.SEAL


def test_pki_files_are_private(pki: DemonstrationPki):
    pki.person_source("a", common_name="Ana Roux", organisation="Dole")
    pki.trust()
    for path in [pki.directory, *pki.directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_pki_person_keeps_one_certificate_and_changes_it_with_the_name(pki: DemonstrationPki):
    first = pki.person_source("b", common_name="Léa Petit", organisation="Dole")
    again = DemonstrationPki(pki.directory).person_source("b", common_name="Léa Petit", organisation="Dole")
    renamed = pki.person_source("b", common_name="Léa Grand", organisation="Dole")
    assert encoded(first) == encoded(again)
    assert encoded(first) != encoded(renamed)
    subject, other = certificate_of(first).subject.native, certificate_of(renamed).subject.native
    assert subject["serial_number"] == other["serial_number"]
    assert subject["serial_number"] != "b"
    assert common_name_of(renamed) == "Léa Grand"


def test_pki_long_names_fit_the_limits_of_certificates(pki: DemonstrationPki):
    name = "Communauté d’agglomération " * 5
    source = pki.person_source("c", common_name=name, organisation=name)
    kept = common_name_of(source)
    assert name.startswith(kept)
    assert 55 < len(kept.encode()) <= 64


def _first_use(directory: str) -> tuple[int, int, bytes]:
    pki = DemonstrationPki(Path(directory))
    person = pki.person_source("p", common_name="Ana Roux", organisation="Dole")
    return (
        certificate_of(pki.seal_source()).serial_number,
        certificate_of(person).serial_number,
        pki.trust().roots[0],
    )


def test_pki_first_use_by_eight_processes_makes_one_infrastructure(tmp_path: Path):
    directory = str(tmp_path / "new" / "keys")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        seen = pool.map(_first_use, [directory] * 8)
    assert len(set(seen)) == 1
    assert not list(Path(directory).rglob("*.draft"))


def test_pki_interrupted_creation_begins_again(tmp_path: Path):
    draft = tmp_path / "authority.999999.draft"
    draft.mkdir()
    (draft / "root.p12").write_bytes(b"half")
    pki = DemonstrationPki(tmp_path)
    assert common_name_of(pki.seal_source()) == "Cachet de l’État — démonstration"


def test_open_signer_wrong_passphrase_or_missing_file_says_no_secret(pki: DemonstrationPki, tmp_path: Path):
    source = pki.seal_source()
    for broken in (
        Pkcs12Source(source.path, b"sesame-1234"),
        Pkcs12Source(tmp_path / "none.p12", source.passphrase),
    ):
        with pytest.raises(SigningKeyError) as caught, open_signer(broken):
            pass
        assert "sesame" not in str(caught.value)
        assert broken.passphrase.decode() not in repr(broken)


@pytest.mark.parametrize("away", [timedelta(days=-1800), timedelta(days=-2), timedelta(days=2)])
def test_pki_revocation_lists_are_dated_by_themselves_not_by_their_files(tmp_path: Path, away: timedelta):
    pki = DemonstrationPki(tmp_path / "keys")

    def published() -> list[datetime]:
        return [crl.CertificateList.load(data)["tbs_cert_list"]["this_update"].native for data in pki.trust().crls]

    with time_machine.travel(datetime.now(UTC) + away):
        published()
    now = datetime.now(UTC)
    # The files were written this instant, and so would pass for fresh by their own dates.
    lists = published()
    assert all(now - timedelta(seconds=1) <= date <= datetime.now(UTC) for date in lists), lists
    assert published() == lists


def test_pki_revocation_lists_are_kept_for_a_day(tmp_path: Path):
    pki = DemonstrationPki(tmp_path / "keys")
    today = pki.trust().crls
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=23)):
        assert pki.trust().crls == today
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        assert pki.trust().crls != today
