"""The public verdict: true documents pass, everything else does not, and nobody learns what they should not."""

import hashlib
import io
import re

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from conventions.models import Convention
from conventions.presentation import KINDS
from conventions.services.verification import OURS_UNSIGNED, find_by_number, verify_stored, verify_upload
from core import files, keyring
from core.signing.report import SignatureKind, Verdict
from tests.core.signing import tampering
from tests.factories.conventions import ConventionWorld, representative_of, sign_as

pytestmark = pytest.mark.usefixtures("ready_bytes")

URL = "/verifier/"
TYPED = "/verifier/numero/"
# The verdict as a page gives it; the form explains the words « Document authentique » to everyone.
AUTHENTIC = "Résultat de la vérification Document authentique"


def upload(client, content, name="convention.pdf"):
    return client.post(URL, {"file": SimpleUploadedFile(name, content, "application/pdf")})


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode().replace("&nbsp;", " ")).split())


def stable(response):
    """The answer without what is drawn anew for each: nonces and form tokens."""
    text = response.content.decode()
    return re.sub(r'nonce="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"|content-security[^;]*', "", text)


@pytest.fixture
def signed(db):
    return ConventionWorld(1).signed()


def test_signed_document_is_authentic_and_says_who_when_and_how(client, signed, documents):
    response = upload(client, documents.state)
    assert response.status_code == 200
    text = text_of(response)
    assert AUTHENTIC in text
    assert "Version définitive, signée par les deux parties." in text
    assert "Cachet électronique" in text
    assert text.count("Signature électronique ") >= 2
    assert "Dominique Moreau" in text and "Claude Lefèvre" in text
    assert text.count("date prouvée par l’horodatage de") == 3
    assert text.count("PAdES B-LT") == 3
    assert text.count("inchangé depuis cette date") == 3
    assert signed.number in text and "10 000,00 €" in text
    assert signed.data["bank"]["iban"] not in text.replace(" ", "")


def test_number_and_code_open_the_same_verdict(client, signed):
    url = reverse("document_verify_number", args=[signed.number])
    for code in (signed.verification_code, signed.verification_code.lower().replace("-", " ")):
        response = client.get(url, {"code": code})
        assert AUTHENTIC in text_of(response)
        assert signed.data["project"]["title"][:6] in text_of(response)


def test_typed_code_stays_in_no_address(client, signed):
    """The forms are posted and answer at an address without the code; the printed one alone carries it."""
    typed = {"numero": signed.number.lower(), "code": signed.verification_code}
    response = client.post(TYPED, typed)
    assert response.status_code == 200
    assert AUTHENTIC in text_of(response)
    without_word = signed.number.removeprefix("CONV-")
    for copied in (signed.number.replace("-", " "), f" {signed.number.replace('-', ' – ')} ", without_word):
        assert AUTHENTIC in text_of(client.post(TYPED, {**typed, "numero": copied}))
    assert "Un numéro s’écrit" in text_of(client.post(TYPED, {"numero": "12", "code": "x"}))
    by_number = f"/verifier/{signed.number}/"
    assert AUTHENTIC in text_of(client.post(f"{by_number}?code=AAAA", {"code": typed["code"]}))
    assert client.get(TYPED, typed).url == URL
    for page in (client.get(URL), client.get(by_number), client.get(by_number, {"code": "AAAA-BBBB-CCCC"})):
        main = page.content.decode().split("<main")[1]
        assert 'method="get"' not in main
    # « ? » is this address with an empty query: the code that it held goes away.
    assert 'action="?"' in main


def test_typed_wrong_number_and_wrong_code_are_one_answer(client, signed):
    asked = [(signed.number, "AAAA-BBBB-CCCC"), ("CONV-2021-99999", signed.verification_code)]
    answers = [client.post(TYPED, {"numero": number, "code": code}) for number, code in asked]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert stable(answers[0]) == stable(answers[1])
    assert "Aucun document ne correspond" in text_of(answers[0])
    assert "AAAA-BBBB" not in text_of(answers[0])


def test_guessing_by_the_form_is_throttled_too(client, signed, monkeypatch):
    from conventions.views import verification

    monkeypatch.setattr(verification, "WRONG_CODES", 2)
    wrong = {"numero": signed.number, "code": "AAAA-BBBB-CCCC"}
    assert [client.post(TYPED, wrong).status_code for _ in range(3)] == [404, 404, 429]


def test_wrong_number_and_wrong_code_are_one_answer_byte_for_byte(client, signed):
    right = signed.verification_code
    wrong = ("AAAA" if right[:4] != "AAAA" else "BBBB") + right[4:]
    asked = [
        (signed.number, wrong),
        ("CONV-2021-99999", right),
        ("CONV-1999-1", wrong),
        ("nimporte", right),
        ("a\x00b", right),
        (signed.number, right[:-1]),
    ]
    answers = [client.get(f"/verifier/{number}/", {"code": code}) for number, code in asked]
    assert {answer.status_code for answer in answers} == {404}
    assert len({stable(answer) for answer in answers}) == 1
    # Without a code the page only asks for one, whether the number exists or not.
    pages = [client.get(f"/verifier/{number}/") for number in (signed.number, "CONV-2021-99999")]
    assert {page.status_code for page in pages} == {200}
    assert len({stable(page) for page in pages}) == 1


def test_guessing_is_throttled_per_address_and_a_right_code_costs_nothing(client, signed, monkeypatch):
    from conventions.views import verification

    monkeypatch.setattr(verification, "WRONG_CODES", 3)
    url = f"/verifier/{signed.number}/"
    for _ in range(5):
        assert client.get(url, {"code": signed.verification_code}).status_code == 200
    for _ in range(3):
        assert client.get(url, {"code": "AAAA-BBBB-CCCC"}).status_code == 404
    refused = client.get(url, {"code": signed.verification_code})
    assert refused.status_code == 429
    assert "Attendez dix minutes" in text_of(refused)
    assert client.get(url, {"code": signed.verification_code}, REMOTE_ADDR="203.0.113.7").status_code == 200


def test_uploads_are_throttled_per_address(client, signed, monkeypatch):
    from conventions.views import verification

    monkeypatch.setattr(verification, "UPLOADS", 2)
    assert [upload(client, b"%PDF-1.7 x").status_code for _ in range(3)] == [200, 200, 429]


def test_addresses_of_one_subscriber_are_counted_together(signed, monkeypatch):
    from conventions.views import verification

    monkeypatch.setattr(verification, "UPLOADS", 2)
    monkeypatch.setattr(verification, "WRONG_CODES", 2)
    wrong = {"numero": signed.number, "code": "AAAA-BBBB-CCCC"}
    each = [Client(REMOTE_ADDR=f"2001:db8:1:1::{last}") for last in range(1, 4)]
    assert [upload(browser, b"%PDF-1.7 x").status_code for browser in each] == [200, 200, 429]
    assert [browser.post(TYPED, wrong).status_code for browser in each] == [404, 404, 429]
    assert Client(REMOTE_ADDR="2001:db8:1:2::1").post(TYPED, wrong).status_code == 404


def test_every_tampering_is_refused_by_the_page(client, signed, documents, monkeypatch):
    from conventions.views import verification

    monkeypatch.setattr(verification, "UPLOADS", 100)
    cuts = {"remove_last_revision", "truncate_to_seal"}
    for name, tamper in tampering.TAMPERINGS.items():
        content = tamper(documents.state)
        assert content != documents.state
        text = text_of(upload(client, content))
        assert "Document authentique" not in text, name
        if name in cuts:
            # The very bytes of an earlier version of ours: told as such, never as the document in force.
            assert "Version antérieure d’un document authentique" in text, name
            assert "Ce n’est pas la version en vigueur" in text, name
        else:
            assert "Document refusé" in text, name
            assert signed.data["beneficiary"]["name"] not in text.split("Ce que porte le fichier")[0], name


def test_lines_of_a_signature_agree_with_its_verdict(client, signed, documents):
    """Bytes added behind the last signature, then a byte changed under the first: neither is told as unchanged."""
    added = text_of(upload(client, documents.state + b"\n% rien\n"))
    assert added.count("ce qui a été signé est intact, mais le fichier a été changé autour") == 1
    assert added.count("inchangé depuis cette date") == 2
    middle = len(documents.state) // 3
    changed = bytearray(documents.state)
    changed[changed.index(b"stream", middle) + 40] ^= 1
    text = text_of(upload(client, bytes(changed)))
    assert "Document refusé" in text
    assert text.count("Contenu modifié depuis la signature") == 3
    assert text.count("ce qui ne prouve rien d’un contenu modifié") == 3
    assert "inchangé depuis cette date" not in text


def test_signature_of_a_namesake_under_unknown_authorities_is_refused(client, signed, documents):
    forged = tampering.sign_with_unknown_authority(
        documents.state, field_name="state", common_name="Claude Lefèvre", organisation="Ministère"
    )
    assert "Document refusé" in text_of(upload(client, forged))


def test_document_of_another_installation_is_unknown_though_well_signed(client, db, documents):
    """Real seal and signatures, but no row of ours: whatever they are worth, it is not our document."""
    text = text_of(upload(client, documents.state))
    assert "Document refusé" in text
    assert "ne correspond à aucun document enregistré" in text


def test_forged_file_learns_nothing_from_a_number_it_claims(client, signed):
    """Two worlds: a file that names a real number, and one that names none, get the same answer."""

    def forged(number):
        pdf = pikepdf.new()
        pdf.add_blank_page()
        pdf.attachments["convention.json"] = pikepdf.AttachedFileSpec(pdf, b'{"number": "%s"}' % number.encode())
        target = io.BytesIO()
        pdf.save(target, deterministic_id=True)
        return target.getvalue()

    answers = []
    for number in (signed.number, "CONV-2021-99999"):
        content = forged(number)
        answers.append(stable(upload(client, content)).replace(hashlib.sha256(content).hexdigest(), "SHA"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"MZ" + b"\x00" * 200,
        b"PK\x03\x04" + b"\x00" * 200,
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
        b"%PDF-1.7\n" + b"[" * 50_000,
        b"<script>alert(1)</script>",
    ],
)
def test_hostile_uploads_are_refused_in_words(client, db, content):
    response = upload(client, content, name='"><script>.pdf')
    assert response.status_code == 200
    assert "Document refusé" in text_of(response)
    assert b"<script>alert" not in response.content
    assert b'"><script>.pdf' not in response.content


def test_missing_empty_and_oversized_files_are_refused_at_the_field(client, db, monkeypatch):
    assert "Choisissez le fichier" in text_of(client.post(URL, {}))
    assert "Ce fichier est vide" in text_of(upload(client, b""))
    from conventions import forms

    monkeypatch.setattr(forms, "MAX_SIZE", 100)
    assert "dépasse" in text_of(upload(client, b"%PDF-1.7" + b" " * 200))


def test_page_that_keeps_nothing_does_not_promise_to_keep(client, db):
    for answer in (client.post(URL, {}), upload(client, b""), client.post(TYPED, {"numero": "12", "code": ""})):
        assert "nécessaire" in text_of(answer)
        assert "est conservé" not in text_of(answer) and "Rien n’a été enregistré" not in text_of(answer)


def test_wrong_code_is_sent_back_to_where_it_is_printed(client, signed):
    text = text_of(client.post(TYPED, {"numero": signed.number, "code": "AAAA-BBBB-CCCC"}))
    assert "Vérifiez-les au bas d’une page du document" in text
    assert "sur la dernière page du document" not in text


def test_one_byte_changed_in_the_middle_is_refused_without_claiming_to_know_why(client, signed, documents):
    """What can no longer be read proves nothing of its origin: neither that it is ours, nor that it never was."""
    middle = len(documents.state) // 2
    content = documents.state[:middle] + bytes([documents.state[middle] ^ 1]) + documents.state[middle + 1 :]
    text = text_of(upload(client, content))
    assert "Document refusé" in text
    assert "modifié" in text
    assert "est endommagé : il n’a pas pu être lu" not in text
    text = text_of(upload(client, b"%PDF-1.7 x"))
    assert "il n’a pas été établi ici, ou il a été modifié ou endommagé depuis" in text


def test_decompression_bomb_is_refused_in_bounded_time(client, db):
    pdf = pikepdf.new()
    page = pdf.add_blank_page()
    page.Contents = pdf.make_stream(b"0" * (200 << 20))
    target = io.BytesIO()
    pdf.save(target, compress_streams=True)
    assert len(target.getvalue()) < 1 << 20
    assert "Document refusé" in text_of(upload(client, target.getvalue()))


def test_sealed_document_nobody_signed_is_told_as_such(client, db):
    convention = ConventionWorld(1).sealed()
    response = upload(client, files.read(convention.current_revision().file))
    text = text_of(response)
    assert "avant toute signature" in text
    assert "Il reste à signer par le bénéficiaire et par l’État" in text


def test_draft_without_seal_proves_nothing(client, signed, documents):
    text = text_of(upload(client, documents.rendered))
    assert "Nous ne pouvons pas nous prononcer" in text
    assert "sans cachet ni signature" in text


def test_authority_that_is_no_longer_recognised_gives_cannot_tell(signed, documents, monkeypatch, tmp_path):
    from core.signing.pki import DemonstrationPki

    monkeypatch.setattr(keyring, "trust_material", DemonstrationPki(tmp_path / "other").trust)
    verdict = verify_upload(documents.state)
    assert verdict.verdict == Verdict.INDETERMINATE
    assert any("n’est pas reconnue" in sentence for sentence in verdict.sentences)


def test_signature_without_timestamp_says_its_date_is_only_declared(client, db, monkeypatch):
    convention = ConventionWorld(1).sealed()
    monkeypatch.setattr(keyring, "timestamp_source", lambda: None)
    # Not the bytes made beforehand: signed for real, without a token.
    from conventions.services import signing
    from core.signing import sign as real

    monkeypatch.setattr(signing, "sign", real.sign)
    monkeypatch.setattr(signing, "describe_revision", real.describe_revision)
    sign_as(convention, representative_of(convention))
    text = text_of(upload(client, files.read(convention.current_revision().file)))
    assert "date seulement déclarée par le signataire" in text
    assert "PAdES B-B" in text


def test_stored_bytes_altered_by_hand_are_refused(signed, settings):
    revision = signed.current_revision()
    from django.core.files.storage import default_storage

    with open(default_storage.path(revision.file.storage_key), "r+b") as handle:
        handle.seek(2000)
        handle.write(b"X")
    verdict = verify_stored(signed)
    assert verdict.verdict == Verdict.FAILED
    with pytest.raises(CommandError, match=signed.number):
        call_command("verify_document", all=True)


def test_command_exits_zero_on_the_document_and_not_on_any_other(signed, documents, tmp_path, capsys):
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(documents.state)
    bad.write_bytes(tampering.append_bytes(documents.state))
    call_command("verify_document", str(good))
    said = capsys.readouterr().out
    assert signed.number in said
    assert KINDS[SignatureKind.SEAL] in said and "seal" not in said
    assert re.search(r" à \d{1,2}.h.\d\d, niveau ", said), said  # « 0 h 32 » just after midnight
    call_command("verify_document", all=True)
    with pytest.raises(CommandError, match="modifié"):
        call_command("verify_document", str(bad))
    earlier = tmp_path / "earlier.pdf"
    earlier.write_bytes(documents.sealed)
    with pytest.raises(CommandError, match="pas la version en vigueur"):
        call_command("verify_document", str(earlier))
    with pytest.raises(CommandError):
        call_command("verify_document", str(tmp_path / "missing.pdf"))
    with pytest.raises(CommandError):
        call_command("verify_document")


def test_find_by_number_needs_both(signed):
    assert find_by_number(signed.number, signed.verification_code) == signed
    assert find_by_number(signed.number, "") is None
    assert find_by_number("", signed.verification_code) is None
    assert Convention.objects.count() == 1


@pytest.mark.parametrize(("kind", "said"), [("acknowledgement", True), ("attachment", False)])
def test_file_of_ours_that_nobody_signs_is_recognised_and_a_filed_one_is_not_told(client, db, kind, said):
    content = b"%PDF-1.7 accuse " + kind.encode()
    files.store(content=content, name="accuse.pdf", kind=kind, media_type="application/pdf", actor_id=None)
    found = verify_upload(content)
    assert (OURS_UNSIGNED in found.sentences) == said
    assert (found.verdict == Verdict.INDETERMINATE) == said
    text = text_of(upload(client, content))
    assert ("Document de ce site, sans cachet" in text) == said
    assert ("Il n’a pas été modifié" in text) == said
    assert "rien n’établit qu’on puisse s’y fier" not in text
    assert verify_upload(content + b" ").verdict == Verdict.FAILED
