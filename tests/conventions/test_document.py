"""The document as laid out: archivable, accessible, complete."""

import json
import re
import subprocess
from datetime import timedelta
from io import BytesIO

import pikepdf
import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from applications.models import CostLine
from conventions.data.transformation_numerique import ANNEXES, ARTICLES
from conventions.document import convention_html, field_values, shown, verification_address
from conventions.merge import FIELDS
from conventions.services.writing import embedded_json, lay_out
from core import files
from core.money import NBSP, NNBSP
from tests.factories.budget import AT
from tests.factories.conventions import IBAN, ConventionWorld


def text_of(pdf: bytes) -> str:
    """The text as a person would copy it, spaces made plain."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return re.sub(r"[  ]", " ", done.stdout.decode())


def flat(text: str) -> str:
    return " ".join(text.split())


def structure(pdf: pikepdf.Pdf) -> list[tuple[str, pikepdf.Dictionary]]:
    """Every element of the structure tree with its type, in order."""
    found = []

    def walk(element: pikepdf.Object) -> None:
        if isinstance(element, pikepdf.Array):
            for child in element:
                walk(child)
        elif isinstance(element, pikepdf.Dictionary):
            if "/S" in element:
                found.append((str(element.S), element))
            if "/K" in element:
                walk(element.K)

    walk(pdf.Root.StructTreeRoot.K)
    return found


def test_document_is_pdf_a_3a_tagged_and_in_french(documents):
    with pikepdf.open(BytesIO(documents.state)) as pdf, pdf.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert metadata["dc:title"] == f"Convention de subvention {documents.data['number']}"
        assert str(pdf.Root.Lang) == "fr"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)


def test_preamble_names_the_deliberation_of_the_dossier(db):
    world = ConventionWorld(2)
    with_it = world.applications[0]
    for name, joined_at, removed_at in [
        ("ancienne.pdf", AT, None),
        ("Délibération n° 12 <b>{siret}</b>.pdf", AT + timedelta(days=2), None),
        ("retirée.pdf", AT + timedelta(days=4), AT + timedelta(days=5)),
    ]:
        stored = files.store(content=name.encode(), name=name, kind="x", media_type="application/pdf", actor_id=None)
        with_it.attachments.create(
            kind="deliberation",
            file=stored,
            added_at=joined_at,
            removed_at=removed_at,
            added_by=world.officer,
        )
    told, untold = [flat(re.sub(r"[\xa0\u202f]", " ", convention_html(row))) for row in world.release()]
    start = "<p>Vu la délibération du bénéficiaire, ou la délégation donnée à son représentant légal, jointe au dossier"
    day = date_format(AT + timedelta(days=2), "j F Y")
    assert f"{start} le {day} (« Délibération n° 12 &lt;b&gt;{{siret}}&lt;/b&gt;.pdf ») ;</p>" in told
    assert f"{start} ;</p>" in untold
    assert "ancienne.pdf" not in told and "retirée.pdf" not in told


def test_pages_are_filled_and_the_parties_stay_with_their_visas(documents):
    """Annexes follow the text and one another; the signatures alone may leave the page before them short."""
    pages = [flat(page) for page in text_of(documents.rendered).split("\f") if page.strip()]
    annexes = next(number for number, page in enumerate(pages) if "Annexe 1 –" in page)
    assert "Article 20 –" in pages[annexes]
    assert not pages[1].startswith("l’État (")
    assert all(not page.startswith("Annexe 1 –") for page in pages)
    signatures = [page for page in pages if "Cachet et signatures" in page]
    assert len(signatures) == 1 and "Vérifier ce document" in signatures[0]


def test_deliberation_is_in_the_archivable_document(documents):
    with pikepdf.open(BytesIO(documents.state)) as pdf, pdf.open_metadata() as metadata:
        assert metadata["pdfaid:part"] == "3"
    assert "Vu la délibération du bénéficiaire" in flat(text_of(documents.state))


def test_document_has_headings_scoped_headers_and_alternatives(documents):
    with pikepdf.open(BytesIO(documents.rendered)) as pdf:
        elements = structure(pdf)
        kinds = [kind for kind, _ in elements]
        assert kinds.count("/H1") == 1
        # Essentials, parties, twenty articles, seven annexes, signatures.
        assert kinds.count("/H2") == 2 + len(ARTICLES) + len(ANNEXES) + 1
        assert kinds.count("/H3") == 4
        headers = [element for kind, element in elements if kind == "/TH"]
        assert headers
        assert all("/A" in element for element in headers), "every header of a table has a scope"
        figures = [element for kind, element in elements if kind == "/Figure"]
        assert figures and all(str(element.Alt) for element in figures)


def test_document_embeds_its_data_without_the_bank_account(documents):
    with pikepdf.open(BytesIO(documents.state)) as pdf:
        embedded = pdf.attachments["convention.json"]
        content = embedded.get_file().read_bytes()
        assert str(pdf.Root.AF[0].AFRelationship) == "/Data"
    data = json.loads(content)
    assert data["number"] == documents.data["number"]
    assert data["amount"] == "9999.99"
    assert {"application", "beneficiary", "siret", "axis", "rules_version", "reservation"} <= data.keys()
    assert isinstance(data["beneficiary"], str)
    assert IBAN not in content.decode()


def test_document_says_every_article_amounts_in_words_and_page_numbers(documents):
    text = flat(text_of(documents.rendered))
    for number, title, _, _ in ARTICLES:
        assert f"Article {number} – {title}" in text
    for number, title, _ in ANNEXES:
        assert f"Annexe {number} – {title}" in text
    assert "9 999,99 €" in text
    assert "neuf mille neuf cent quatre-vingt-dix-neuf euros et quatre-vingt-dix-neuf centimes" in text
    pages = len(pikepdf.open(BytesIO(documents.rendered)).pages)
    for page in range(1, pages + 1):
        assert f"page {page} sur {pages}" in text


def test_document_never_calls_the_seal_a_signature(documents):
    text = flat(text_of(documents.state))
    assert "Le cachet atteste que ce document vient de l’État et n’a pas changé ; il n’est pas une signature." in text
    assert "Cachet de l’État" in text
    assert not re.search(r"[Ss]ignature de l’État", text)
    assert text.count("Signé par") == 2


def test_document_keeps_three_places_on_its_last_page(documents):
    with pikepdf.open(BytesIO(documents.rendered)) as pdf:
        fields = pdf.Root.AcroForm.Fields
        assert [str(field.T) for field in fields] == ["seal", "beneficiary", "state"]
        last = pdf.pages[-1].obj.objgen
        assert all(field.P.objgen == last for field in fields)
        assert [str(field.TU) for field in fields] == [
            "Cachet de l’État",
            "Signature du bénéficiaire",
            "Signature pour l’État",
        ]


def test_document_takes_typed_text_as_text(documents):
    """Markup and braces typed by an applicant are printed as they are, never interpreted."""
    text = flat(text_of(documents.rendered))
    assert "<b>{siret}</b>" in text


def test_document_splits_the_aid_between_beneficiaries(documents):
    text = flat(text_of(documents.rendered))
    assert [row["amount"] for row in documents.data["beneficiaries"]] == ["6000.01", "2999.99", "999.99"]
    for amount in ("6 000,01 €", "2 999,99 €", "999,99 €"):
        assert amount in text


def test_table_longer_than_a_page_repeats_its_headers(db):
    world = ConventionWorld(1)
    CostLine.objects.bulk_create(
        CostLine(
            application=world.applications[0],
            position=position,
            label=f"Prestation numéro {position}, avec un libellé assez long pour occuper deux lignes du tableau",
            category="services",
            nature="operating",
            amount="1.00",
        )
        for position in range(10, 80)
    )
    text = text_of(lay_out(world.release()[0]))
    pages = [page for page in text.split("\f") if "Prestation numéro" in page]
    assert len(pages) >= 2
    assert all(re.search(r"Dépense\s+Catégorie\s+Nature\s+Montant", page) for page in pages)


def test_headings_stay_with_their_text(documents):
    for page in text_of(documents.rendered).split("\f"):
        lines = [line.strip() for line in page.splitlines() if line.strip()]
        body = [line for line in lines if not re.search(r"page \d+ sur \d+$", line)]
        assert not body or not re.match(r"(Article|Annexe) \d+ –", body[-1])


def test_verification_address_carries_number_and_code(db, settings):
    settings.SITE_URL = "https://guichet.example"
    convention = ConventionWorld(1).release()[0]
    address = verification_address(convention)
    path = reverse("document_verify_number", args=[convention.number])
    assert address == f"https://guichet.example{path}?code={convention.verification_code}"
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){2}", convention.verification_code)


def test_every_field_of_the_text_has_a_value(db):
    values = field_values(ConventionWorld(1).release()[0])
    assert values.keys() == FIELDS.keys()
    assert all(text.strip() and text != "—" for text in values.values())


def test_mandatory_articles_are_never_empty(db):
    world = ConventionWorld(1)
    html = convention_html(world.release()[0])
    mandatory = world.template.articles.filter(is_mandatory=True)
    assert sorted(mandatory.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 7, 15]
    for article in world.template.articles.all():
        body = html.split(f"Article {article.number} –")[1].split("</section>")[0]
        assert len(re.sub(r"<[^>]+>", "", body).split()) > 20, article


@pytest.mark.parametrize(("granted", "shown_gap"), [("10000.00", ""), ("8000.00", f"2{NNBSP}000,00{NBSP}€")])
def test_less_granted_than_asked_shows_what_the_beneficiary_adds(db, granted, shown_gap):
    convention = ConventionWorld(1).release(amounts=[granted])[0]
    assert shown(convention.data)["still_to_fund"] == shown_gap


def plain(html: str) -> str:
    return flat(re.sub(r"<[^>]+>", " ", re.sub(r"[\xa0\u202f]", " ", html)))


def test_article_5_and_the_summary_say_how_the_aid_is_computed(db):
    """Décret 2018-514, art. 8: a flat amount is not said to follow the costs."""
    rated = plain(convention_html(ConventionWorld(1).release()[0]))
    world = ConventionWorld(1, terms={"flat_amount": "5000.00", "amount_max": "5000.00"})
    lump = world.release(amounts=["5000.00"])[0]
    lump_text = plain(convention_html(lump))
    proportional = ["représente 50 % du coût éligible", "réduite dans la même proportion", "aide de 50 %"]
    forfait = ["est un forfait", "la subvention est ramenée à leur montant", "aide forfaitaire"]
    assert all(words in rated for words in proportional) and not any(words in rated for words in forfait)
    assert all(words in lump_text for words in forfait)
    assert not any(words in lump_text for words in [*proportional, "représente 25 %", "aide de 25 %"])
    assert lump.data["aid"]["is_flat"] is True
    assert "is_flat" not in embedded_json(lump).decode()


def test_facts_frozen_before_the_flat_rate_was_one_keep_their_text(db):
    convention = ConventionWorld(1).release()[0]
    html = convention_html(convention)
    del convention.data["aid"]["is_flat"]
    assert convention_html(convention) == html


def test_document_without_bic_asks_for_none_and_shows_no_empty_row(db):
    convention = ConventionWorld(1).release()[0]
    convention.data["bank"]["bic"] = "BDFEFRPPCCT"
    given = plain(convention_html(convention))
    assert given.count("BDFEFRPPCCT") == 2
    convention.data["bank"]["bic"] = ""
    text = plain(convention_html(convention))
    assert "BIC non nécessaire pour ce virement" in text
    assert text.count("BIC") == 1 and given.count("BIC") == 2


def test_replayed_acts_are_told_in_a_demonstration_only(db, settings):
    convention = ConventionWorld(1).release()[0]
    told = f"Les actes de {AT.year} y sont rejoués à leurs dates"
    assert told not in plain(convention_html(convention))
    settings.DEMONSTRATION = settings.DEMONSTRATION_PKI = True
    assert told in plain(convention_html(convention))
    convention.data["decision"]["released_at"] = timezone.now().isoformat()
    assert "rejoués" not in plain(convention_html(convention))
