"""The rule of acceptance: what is genuine passes, what was touched does not."""

import io
from datetime import timedelta

import pikepdf
import pytest
from asn1crypto import crl, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore

from core.pdf.process import LimitedProcess, Limits
from core.signing import verify
from core.signing.keys import SigningError
from core.signing.pki import DemonstrationPki, TrustMaterial
from core.signing.report import SignatureKind, Verdict
from core.signing.seal import seal
from core.signing.sign import add_document_timestamp, sign
from core.signing.timestamps import LocalTimestampSource
from core.signing.verify import verify_pdf
from tests.core.signing import tampering
from tests.core.signing.samples import SignedSample, prepared_sample


def codes(report):
    return {item.code for item in report.findings} | {
        item.code for signature in report.signatures for item in signature.findings
    }


def test_verify_pdf_genuine_document_passes_with_its_facts(sample: SignedSample):
    report = verify_pdf(
        sample.pdf,
        trust=sample.trust,
        expected_sha256=sample.state.sha256,
        expected_revisions=sample.revisions,
    )
    assert report.verdict is Verdict.PASSED
    assert report.findings == ()
    assert report.empty_fields == ()
    assert [item.field_name for item in report.signatures] == ["seal", "beneficiary", "state"]
    assert [item.kind for item in report.signatures] == [
        SignatureKind.SEAL,
        SignatureKind.SIGNATURE,
        SignatureKind.SIGNATURE,
    ]
    assert [item.coverage for item in report.signatures] == [
        "ENTIRE_REVISION",
        "ENTIRE_REVISION",
        "ENTIRE_FILE",
    ]
    assert [item.modification for item in report.signatures] == ["FORM_FILLING", "FORM_FILLING", "NONE"]
    assert [item.is_certifying for item in report.signatures] == [True, False, False]
    assert [item.revision_sha256 for item in report.signatures] == sample.revisions
    mayor = report.signatures[1]
    assert (mayor.signer_name, mayor.unit) == ("Camille Martin", "Commune de Lons")
    assert "démonstration" in mayor.organisation
    assert mayor.serial == sample.beneficiary.serial
    assert mayor.is_time_proved
    assert mayor.signed_at == sample.beneficiary.timestamp
    assert mayor.level == sample.beneficiary.level == "B-LT"


def test_verify_pdf_each_revision_passes_and_lists_empty_fields(sample: SignedSample):
    report = verify_pdf(sample.seal.pdf, trust=sample.trust, expected_revisions=sample.revisions[:1])
    assert report.verdict is Verdict.PASSED
    assert report.empty_fields == ("beneficiary", "state")


def test_verify_pdf_without_record_says_nothing_was_compared(sample: SignedSample):
    report = verify_pdf(sample.pdf, trust=sample.trust)
    assert report.verdict is Verdict.PASSED
    assert codes(report) == {"not_compared"}


@pytest.mark.parametrize("name", tampering.TAMPERINGS)
def test_verify_pdf_tampered_document_fails(name: str, sample: SignedSample):
    tampered = tampering.TAMPERINGS[name](sample.pdf)
    assert tampered != sample.pdf
    report = verify_pdf(tampered, trust=sample.trust, expected_revisions=sample.revisions)
    assert report.verdict is Verdict.FAILED
    assert all(sentence.endswith(".") for sentence in report.sentences)
    whole = verify_pdf(tampered, trust=sample.trust, expected_sha256=sample.state.sha256)
    assert whole.verdict is Verdict.FAILED
    assert "other_file" in codes(whole)


@pytest.mark.parametrize("name", sorted(set(tampering.TAMPERINGS) - tampering.RECORD_ONLY))
def test_verify_pdf_tampered_document_fails_without_any_record(name: str, sample: SignedSample):
    tampered = tampering.TAMPERINGS[name](sample.pdf)
    assert verify_pdf(tampered, trust=sample.trust).verdict is Verdict.FAILED


@pytest.mark.parametrize("name", ["remove_last_revision", "truncate_to_seal"])
def test_verify_pdf_shortened_document_misses_a_revision(name: str, sample: SignedSample):
    shortened = tampering.TAMPERINGS[name](sample.pdf)
    report = verify_pdf(shortened, trust=sample.trust, expected_revisions=sample.revisions)
    assert codes(report) == {"missing_revision"}


def test_verify_pdf_signature_of_another_document_fails(sample: SignedSample, other_sample: SignedSample):
    report = verify_pdf(tampering.move_signature(sample.pdf, other_sample.pdf), trust=sample.trust)
    assert report.verdict is Verdict.FAILED
    assert [item.verdict for item in report.signatures] == [Verdict.PASSED, Verdict.PASSED, Verdict.FAILED]
    assert codes(report) == {"altered", "not_compared"}


def test_verify_pdf_other_document_of_the_same_signatories_fails(sample: SignedSample, other_sample: SignedSample):
    report = verify_pdf(other_sample.pdf, trust=sample.trust, expected_revisions=sample.revisions)
    assert report.verdict is Verdict.FAILED
    assert codes(report) == {"other_revision"}


def test_verify_pdf_namesake_of_unknown_authority_is_not_accepted(sample: SignedSample):
    forged = tampering.sign_with_unknown_authority(
        sample.pdf, field_name="state", common_name="Dominique Lefèvre", organisation="Préfecture du Jura"
    )
    alone = verify_pdf(forged, trust=sample.trust)
    assert alone.verdict is Verdict.INDETERMINATE
    assert codes(alone) >= {"untrusted", "untrusted_timestamp"}
    forger = alone.signatures[-1]
    assert forger.is_intact
    assert not forger.is_trusted
    assert not forger.is_time_proved
    assert forger.level == "B-B"
    compared = verify_pdf(forged, trust=sample.trust, expected_revisions=sample.revisions)
    assert compared.verdict is Verdict.FAILED


def test_verify_pdf_without_any_root_is_indeterminate(sample: SignedSample, tmp_path):
    stranger = DemonstrationPki(tmp_path / "keys")
    report = verify_pdf(sample.pdf, trust=stranger.trust())
    assert report.verdict is Verdict.INDETERMINATE
    assert all(item.is_intact and not item.is_trusted for item in report.signatures)


def test_verify_pdf_page_changed_then_signed_by_trusted_person_fails(pki: DemonstrationPki, sample: SignedSample):
    changed = tampering.change_page(sample.seal.pdf)
    person = pki.person_source("person-1", common_name="Camille Martin", organisation="Commune de Lons")
    resigned = sign(changed, "beneficiary", person, timestamps=LocalTimestampSource(pki.timestamp_source()))
    report = verify_pdf(resigned.pdf, trust=sample.trust)
    assert report.verdict is Verdict.FAILED
    assert [item.verdict for item in report.signatures] == [Verdict.FAILED, Verdict.PASSED]
    assert "changed_after" in codes(report)


def test_verify_pdf_level_follows_the_evidence(pki: DemonstrationPki, sample: SignedSample):
    timestamps = LocalTimestampSource(pki.timestamp_source())
    prepared = prepared_sample()
    bare = seal(prepared, field_name="seal", signer=pki.seal_source())
    report = verify_pdf(bare.pdf, trust=sample.trust)
    assert (bare.level, report.signatures[0].level) == ("B-B", "B-B")
    assert bare.timestamp is None
    assert not report.signatures[0].is_time_proved
    assert report.signatures[0].signed_at is not None

    stamped = seal(prepared, field_name="seal", signer=pki.seal_source(), timestamps=timestamps)
    report = verify_pdf(stamped.pdf, trust=sample.trust)
    assert (stamped.level, report.signatures[0].level) == ("B-T", "B-T")

    archived = add_document_timestamp(sample.pdf, field_name="archive", timestamps=timestamps, trust=sample.trust)
    report = verify_pdf(archived.pdf, trust=sample.trust, expected_revisions=[*sample.revisions, archived.sha256])
    assert report.verdict is Verdict.PASSED
    assert [item.level for item in report.signatures] == ["B-LTA", "B-LTA", "B-LTA", ""]
    assert report.signatures[2].modification == "LTA_UPDATES"
    assert report.signatures[3].kind is SignatureKind.DOCUMENT_TIMESTAMP
    assert report.signatures[3].coverage == "ENTIRE_FILE"


def add_store(pdf: bytes, certificates: list[bytes], crls: list[bytes]) -> bytes:
    """``pdf`` with validation material, in an update made before anyone signs."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[x509.Certificate.load(data) for data in certificates],
        crls=[crl.CertificateList.load(data) for data in crls],
    )
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_verify_pdf_incomplete_material_is_not_long_term(pki: DemonstrationPki, sample: SignedSample):
    timestamps = LocalTimestampSource(pki.timestamp_source())
    root_list, authority_list = sample.trust.crls
    certificates = [*sample.trust.roots, *sample.trust.intermediates]
    for lists, level in (([], "B-T"), ([root_list], "B-T"), ([root_list, authority_list], "B-LT")):
        stored = add_store(prepared_sample(), certificates, lists)
        sealed = seal(stored, field_name="seal", signer=pki.seal_source(), timestamps=timestamps)
        report = verify_pdf(sealed.pdf, trust=sample.trust)
        assert report.verdict is Verdict.PASSED
        assert report.signatures[0].level == level
        # Whoever seals without saying whom they trust claims no more than the token.
        assert sealed.level == "B-T"


def test_verify_pdf_lost_root_in_level_evidence_is_not_long_term(sample: SignedSample):
    roots_only = TrustMaterial(roots=sample.trust.roots)
    report = verify_pdf(sample.pdf, trust=roots_only)
    # All that is needed besides the root travels in the file.
    assert report.verdict is Verdict.PASSED
    assert {item.level for item in report.signatures} == {"B-LT"}


def test_verify_pdf_revoked_before_signing_fails(tmp_path):
    pki = DemonstrationPki(tmp_path / "keys")
    timestamps = LocalTimestampSource(pki.timestamp_source())
    source = pki.seal_source()
    prepared = prepared_sample()
    proved = seal(prepared, field_name="seal", signer=source, timestamps=timestamps)
    declared = seal(prepared, field_name="seal", signer=source)
    assert proved.timestamp is not None
    pki.revoke(source, at=proved.timestamp + timedelta(hours=1))
    trust = pki.trust()
    assert verify_pdf(proved.pdf, trust=trust).verdict is Verdict.PASSED
    # Without a token, nothing proves that the act came before the revocation.
    assert codes(verify_pdf(declared.pdf, trust=trust)) >= {"revoked"}

    pki.revoke(source, at=proved.timestamp - timedelta(hours=1))
    report = verify_pdf(proved.pdf, trust=pki.trust())
    assert report.verdict is Verdict.FAILED
    assert codes(report) >= {"revoked"}
    assert not report.signatures[0].is_trusted
    with pytest.raises(SigningError, match="could not be validated"):
        seal(prepared, field_name="seal", signer=source, timestamps=timestamps, trust=pki.trust())


def test_verify_pdf_revoked_timestamp_authority_no_longer_proves_the_time(tmp_path):
    pki = DemonstrationPki(tmp_path / "keys")
    source = pki.timestamp_source()
    sealed = seal(
        prepared_sample(), field_name="seal", signer=pki.seal_source(), timestamps=LocalTimestampSource(source)
    )
    pki.revoke(source)
    report = verify_pdf(sealed.pdf, trust=pki.trust())
    assert report.verdict is Verdict.INDETERMINATE
    assert not report.signatures[0].is_time_proved
    assert report.signatures[0].level == "B-B"


def encrypted_file() -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(prepared_sample())) as document:
        document.save(output, encryption=pikepdf.Encryption(owner="a", user="b"))
    return output.getvalue()


def test_verify_pdf_hostile_input_fails_with_a_sentence(sample: SignedSample):
    prepared = sample.prepared
    cases = {
        b"": "not_a_pdf",
        b"PK\x03\x04": "not_a_pdf",
        b"MZ" + sample.pdf: "not_a_pdf",
        b"%PDF-1.7\n%%EOF": "unreadable",
        sample.pdf[:5000]: "unreadable",
        b"%PDF-1.7\n" + b"[" * 200_000: "unreadable",
        prepared: "no_signature",
        encrypted_file(): "encrypted",
    }
    for data, code in cases.items():
        report = verify_pdf(data, trust=sample.trust)
        assert report.verdict is Verdict.FAILED
        assert code in codes(report), (data[:20], codes(report))
        assert report.sentences[0].endswith(".")


def test_verify_pdf_too_large_is_not_even_read(sample: SignedSample):
    report = verify_pdf(sample.pdf, trust=sample.trust, max_size=1000)
    assert codes(report) == {"too_large", "not_compared"}
    assert report.signatures == ()


def test_verify_pdf_out_of_time_or_memory_fails_then_recovers(sample: SignedSample, monkeypatch):
    report = verify_pdf(sample.pdf, trust=sample.trust, timeout=0.001)
    assert codes(report) >= {"timeout"}
    assert report.verdict is Verdict.FAILED
    starved = LimitedProcess("core.signing.verify_worker", limits=Limits(memory=40 << 20))
    with monkeypatch.context() as patch:
        patch.setattr(verify, "_process", lambda: starved)
        assert codes(verify_pdf(sample.pdf, trust=sample.trust)) >= {"unreadable"}
    starved.close()
    assert verify_pdf(sample.pdf, trust=sample.trust).verdict is Verdict.PASSED
