"""The minutes as a document: what is said of people, and what stays together on a page."""

import io
import subprocess

import pikepdf

from jury import services
from jury.enums import Attendance
from jury.minutes import render_minutes
from jury.services import AttendanceInput
from tests.factories.jury import AT, HELD, JuryWorld


def pages_of(content, tmp_path):
    path = tmp_path / "pv.pdf"
    path.write_bytes(content)
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    return [page for page in text.split("\f") if page.strip()]


def test_closing_lines_stay_with_the_last_dossier_wherever_the_page_ends(db, tmp_path):
    world = JuryWorld(dossiers=6)
    deliberation = world.deliberated()
    last = deliberation.opinions.select_related("application").order_by("rank").last().application.number
    seen = set()
    for lines in range(0, 40, 3):
        # Longer and longer first lines push the last ones down the page.
        deliberation.place = "Salle du conseil. " * 5 * lines
        pages = pages_of(render_minutes(deliberation), tmp_path)
        seen.add(len(pages))
        assert last in pages[-1], lines
        assert "Délibération close par" in pages[-1], lines
    assert len(seen) > 1


def test_minutes_name_the_chair_and_a_proxy_in_neutral_words(db, tmp_path):
    world = JuryWorld(dossiers=1)
    world.assign()
    world.submit_all()
    deliberation = services.summon(jury=world.jury, held_at=HELD, place="Paris", at=AT, actor=world.chair_user)
    absent = world.juror(world.users[0])
    rows = [AttendanceInput(row, Attendance.PRESENT) for row in world.jury.jurors.exclude(pk=absent.pk).order_by("pk")]
    rows.append(AttendanceInput(absent, Attendance.PROXY, world.chair))
    services.record_attendance(deliberation=deliberation, rows=rows, at=HELD, actor=world.chair_user)
    world.opine(deliberation, world.applications[0])
    deliberation = world.close(deliberation)
    text = " ".join("\n".join(pages_of(render_minutes(deliberation), tmp_path)).split())
    assert f"{world.chair_user}, préside le jury" in text
    assert f"Pouvoir donné à {world.chair_user}" in text
    assert "président" not in text
    assert "Représenté" not in text


def test_minutes_open_as_a_paper_of_the_state_and_end_with_the_place_of_a_signature(db, tmp_path):
    world = JuryWorld(dossiers=2)
    deliberation = world.deliberated()
    pages = [" ".join(page.split()) for page in pages_of(render_minutes(deliberation), tmp_path)]
    axis = world.jury.session.axis
    number = deliberation.minutes_number
    for told in ("RÉPUBLIQUE", "Liberté", f"n° {number}", axis.call.title, axis.title, world.jury.session.title):
        assert told in pages[0].replace("\u00a0", " "), told
    assert "Pour le jury, la présidence" in pages[-1]
    assert str(deliberation.closed_by) in pages[-1].partition("Pour le jury")[2]
    for place, page in enumerate(pages, start=1):
        assert f"page {place} sur {len(pages)}" in page


def test_minutes_are_pdf_a_3_tagged_and_carry_their_fonts(db):
    deliberation = JuryWorld(dossiers=2).deliberated()
    with pikepdf.open(io.BytesIO(render_minutes(deliberation))) as document:
        metadata = document.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert document.Root.MarkInfo.Marked
        assert document.Root.Lang == "fr"
        fonts = [one for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/FontName" in one]
        assert fonts
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(one.keys()) for one in fonts)
