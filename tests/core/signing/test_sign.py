"""Fields first, then the seal, then the signatures: order, stamps, bytes and facts."""

import hashlib
import io
import subprocess
from pathlib import Path

import pikepdf
import pytest

from core.signing.fields import FieldSpec, empty_field_names, prepare_fields
from core.signing.keys import SigningError
from core.signing.pki import DemonstrationPki
from core.signing.seal import seal
from core.signing.sign import add_document_timestamp, sign
from core.signing.stamps import spoken_instant
from core.signing.timestamps import LocalTimestampSource
from tests.core.signing.samples import FIELDS, SignedSample, prepared_sample


def test_prepare_fields_creates_empty_labelled_fields_on_the_kept_places():
    prepared = prepared_sample()
    assert empty_field_names(prepared) == list(FIELDS)
    with pikepdf.open(io.BytesIO(prepared)) as document:
        fields = document.Root.AcroForm.Fields
        assert [str(field.TU) for field in fields] == list(FIELDS.values())
        assert all(int(field.F) & 4 and not int(field.F) & 2 for field in fields)  # printed, not hidden
        assert all("/AP" in field for field in fields)
        assert len(document.pages[-1].Annots) == 3


def test_prepare_fields_twice_is_refused():
    field = FieldSpec("other", (50, 50, 250, 120), "Autre")
    with pytest.raises(SigningError, match="already"):
        prepare_fields(prepared_sample(), [field])
    with pytest.raises(SigningError):
        prepare_fields(b"not a file", [field])


def test_field_spec_unreadably_small_is_refused():
    with pytest.raises(ValueError, match="too small"):
        FieldSpec("seal", (0, 0, 60, 20), "Cachet")


def test_revisions_are_strict_prefixes_with_their_facts(sample: SignedSample):
    chain = [sample.prepared, sample.seal.pdf, sample.beneficiary.pdf, sample.state.pdf]
    for base, revision in zip(chain, (sample.seal, sample.beneficiary, sample.state), strict=False):
        assert revision.pdf.startswith(base)
        assert revision.length == len(revision.pdf) > len(base) == revision.base_length
        assert revision.sha256 == hashlib.sha256(revision.pdf).hexdigest()
        assert revision.base_sha256 == hashlib.sha256(base).hexdigest()
        assert revision.timestamp is not None
        assert revision.level == "B-LT"
    assert sample.beneficiary.signer_name == "Camille Martin"
    assert "Guichet — démonstration" in sample.beneficiary.signer_subject
    assert len({sample.seal.serial, sample.beneficiary.serial, sample.state.serial}) == 3


def test_seal_certifies_with_form_filling_only(sample: SignedSample):
    with pikepdf.open(io.BytesIO(sample.seal.pdf)) as document:
        signature = document.Root.Perms.DocMDP
        assert int(signature.Reference[0].TransformParams.P) == 2
        assert str(signature.SubFilter) == "/ETSI.CAdES.detached"


def test_stamps_say_seal_for_the_seal_and_signed_by_for_persons(sample: SignedSample, tmp_path: Path):
    path = tmp_path / "signed.pdf"
    path.write_bytes(sample.pdf)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    words = " ".join(text.split())
    assert "Cachet de l’État" in words
    assert "Préfecture du Jura" in words
    assert "apposé le" in words
    assert "Signé par Camille Martin" in words or ("Signé par" in words and "Camille" in words)
    assert "maire de Lons" in words
    assert spoken_instant(sample.beneficiary.timestamp).split(" à ")[0].split()[-1] in words  # type: ignore[arg-type]
    sealed = tmp_path / "sealed.pdf"
    sealed.write_bytes(sample.seal.pdf)
    alone = subprocess.run(["pdftotext", sealed, "-"], capture_output=True, text=True, check=True).stdout
    assert "Cachet de l’État" in alone
    assert "sign" not in alone.lower()


def test_stamps_keep_the_file_archivable(sample: SignedSample):
    with pikepdf.open(io.BytesIO(sample.pdf)) as document:
        metadata = document.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert document.Root.OutputIntents[0].S == "/GTS_PDFA1"
        assert str(document.Root.Lang) == "fr"
        assert bool(document.Root.MarkInfo.Marked)
        assert document.Root.AF[0].UF == "convention.json"
        for item in document.objects:
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor":
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(item.keys())


def test_sign_absent_or_taken_field_is_refused(pki: DemonstrationPki, sample: SignedSample):
    person = pki.person_source("person-1", common_name="Camille Martin", organisation="Commune de Lons")
    with pytest.raises(SigningError, match="no field"):
        sign(sample.seal.pdf, "stranger", person)
    with pytest.raises(SigningError, match="already signed"):
        sign(sample.pdf, "state", person)
    with pytest.raises(SigningError):
        sign(b"%PDF-1.7 nothing", "state", person)


def test_seal_after_a_signature_is_refused(pki: DemonstrationPki):
    prepared = prepared_sample()
    person = pki.person_source("person-1", common_name="Camille Martin", organisation="Commune de Lons")
    signed = sign(prepared, "beneficiary", person)
    with pytest.raises(SigningError, match="before any signature"):
        seal(signed.pdf, field_name="seal", signer=pki.seal_source())


def test_add_document_timestamp_keeps_the_bytes(pki: DemonstrationPki, sample: SignedSample):
    archived = add_document_timestamp(
        sample.pdf,
        field_name="archive",
        timestamps=LocalTimestampSource(pki.timestamp_source()),
        trust=sample.trust,
    )
    assert archived.pdf.startswith(sample.pdf)
    assert archived.base_sha256 == sample.state.sha256
    assert archived.timestamp is not None
    assert archived.level == ""


def test_sign_percent_and_strange_letters_in_the_stamp_are_drawn(pki: DemonstrationPki):
    person = pki.person_source("person-3", common_name="Zoë % Ndiaye 漢", organisation="Dole")
    signed = sign(prepared_sample(), "state", person, capacity="adjointe à 100 %(ts)s de « Dole »" * 4)
    assert signed.signer_name == "Zoë % Ndiaye 漢"
