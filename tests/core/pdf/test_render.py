"""Pages become archivable, tagged documents, and reach nothing but what they may."""

import io
import os
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from core.pdf import render
from core.pdf.fetcher import RefusedResource, StaticFetcher
from core.pdf.process import Limits
from core.pdf.qr import qr_data_uri
from core.pdf.render import (
    Attachment,
    Metadata,
    RenderError,
    RenderSettings,
    RenderTimeout,
    render_document,
    render_pdf,
)
from core.pdf.worker import handle

AT = datetime(2021, 6, 1, 10, 30, tzinfo=UTC)
METADATA = Metadata(title="Convention n° 1", at=AT, author="Préfecture du Jura", subject="Subvention")
DATA = Attachment("convention.json", b'{"amount": "88000.00"}', "application/json", "Données")
STYLE = """<style>
@font-face { font-family: Marianne; src: url("/static/dsfr/dist/fonts/Marianne-Regular.woff2") }
@font-face { font-family: Marianne; font-weight: bold;
             src: url("/static/dsfr/dist/fonts/Marianne-Bold.woff2") }
body { font: 10pt Marianne }
</style>"""


def page(body: str, head: str = STYLE) -> str:
    return f'<!doctype html><html lang="fr"><head><title>x</title>{head}</head><body>{body}</body></html>'


LETTER = page(
    "<h1>Convention</h1><p>L’État verse 88 000 € à « Dole ».</p>"
    '<table><tr><th scope="col">Poste</th></tr><tr><td>Études</td></tr></table>'
    f'<img alt="Vérifier ce document" src="{qr_data_uri("https://example.org/verifier")}">'
    '<div id="field-state" style="width: 60mm; height: 25mm"></div>'
)


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf))


def test_render_pdf_is_archivable_tagged_and_in_french():
    with opened(render_pdf(LETTER, metadata=METADATA)) as document:
        root = document.Root
        assert root.OutputIntents[0].S == "/GTS_PDFA1"
        assert len(root.OutputIntents[0].DestOutputProfile.read_bytes()) > 1000
        xmp = document.open_metadata()
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("3", "A")
        assert xmp["dc:title"] == "Convention n° 1"
        assert bool(root.MarkInfo.Marked)
        assert str(root.Lang) == "fr"
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        assert "/Encrypt" not in document.trailer
        assert str(document.docinfo.Title) == "Convention n° 1"
        assert str(document.docinfo.CreationDate) == "D:20210601103000Z"


def structure_roles(element: pikepdf.Object) -> set[str]:
    roles = {str(element.S)} if "/S" in element else set()
    kids: Any = element.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary):
            roles |= structure_roles(kid)
    return roles


def test_render_pdf_structure_tells_headings_tables_and_figures():
    with opened(render_pdf(LETTER, metadata=METADATA)) as document:
        roles = structure_roles(document.Root.StructTreeRoot)
        assert {"/H1", "/P", "/Table", "/TH", "/TD", "/Figure"} <= roles
        alternatives = [
            str(item.Alt)
            for item in document.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/Figure"
        ]
        assert alternatives == ["Vérifier ce document"]


def test_render_pdf_embeds_every_font():
    with opened(render_pdf(LETTER, metadata=METADATA)) as document:
        fonts = [
            item
            for item in document.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor"
        ]
        assert len(fonts) == 2
        for font in fonts:
            assert "Marianne" in str(font.FontName)
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(font.keys())


def test_render_pdf_attachments_are_associated_files():
    more = Attachment("budget.csv", b"a,b\n", "text/csv", relationship="Supplement")
    with opened(render_pdf(LETTER, metadata=METADATA, attachments=[DATA, more])) as document:
        assert sorted(document.attachments) == ["budget.csv", "convention.json"]
        files = {str(item.UF): item for item in document.Root.AF}
        assert files["convention.json"].AFRelationship == "/Data"
        assert files["convention.json"].EF.F.Subtype == "/application/json"
        assert files["convention.json"].EF.F.read_bytes() == DATA.content
        assert str(files["convention.json"].Desc) == "Données"
        assert files["budget.csv"].AFRelationship == "/Supplement"
        assert files["budget.csv"].EF.F.Subtype == "/text/csv"


def test_attachment_or_metadata_unfit_is_refused():
    for name, kind, relationship in (
        ("../x.json", "application/json", "Data"),
        ("x.json", "application", "Data"),
        ("x.json", "application/json", "Other"),
    ):
        with pytest.raises(ValueError, match=r"not a|unknown"):
            Attachment(name, b"", kind, relationship=relationship)
    with pytest.raises(ValueError, match="title"):
        Metadata(title=" ", at=AT)
    with pytest.raises(ValueError, match="time zone"):
        Metadata(title="x", at=datetime(2021, 6, 1))


def test_render_pdf_same_arguments_give_same_bytes_in_another_process():
    first = render_pdf(LETTER, metadata=METADATA, attachments=[DATA])
    render._process(RenderSettings().limits, RenderSettings().recycle_after).close()
    assert render_pdf(LETTER, metadata=METADATA, attachments=[DATA]) == first
    later = Metadata(title="Convention n° 1", at=AT.replace(minute=31))
    assert render_pdf(LETTER, metadata=later, attachments=[DATA]) != first


def test_render_document_tells_where_the_page_keeps_places():
    document = render_document(LETTER, metadata=METADATA)
    place = document.box("state")
    assert (place.page, document.page_count) == (0, 1)
    left, low, right, high = place.box
    assert right - left == pytest.approx(60 / 25.4 * 72, abs=0.1)
    assert high - low == pytest.approx(25 / 25.4 * 72, abs=0.1)
    assert 0 < low < high < 842
    assert document.warnings == ()
    silent = render_document(page('<p style="colour: red">x'), metadata=METADATA)
    assert any("colour" in warning for warning in silent.warnings)
    with pytest.raises(RenderError, match="no place"):
        document.box("nobody")


# What a page may not reach ----------------------------------------------------------------


@pytest.fixture
def listener():
    """A listening socket, and the list of connections that it received."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        seen: list[object] = []
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                connection.close()
                seen.append(address)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], seen
        stop.set()
        thread.join()


def hostile_pages(port: int, secret: Path) -> list[str]:
    addresses = [
        f"http://127.0.0.1:{port}/x.png",
        f"https://127.0.0.1:{port}/x.png",
        f"ftp://127.0.0.1:{port}/x.png",
        f"//127.0.0.1:{port}/x.png",
        f"file://{secret}",
        f"file://localhost{secret}",
        "file:///etc/passwd",
        "/etc/passwd",
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        f"/static//{secret}",
        "/static/dsfr/../../../../../../../../../../../../etc/hostname.png",
    ]
    pages = [page(f'<img alt="" src="{address}">') for address in addresses]
    pages += [
        page("", f'<link rel="stylesheet" href="http://127.0.0.1:{port}/x.css">'),
        page("", f'<style>@import url("http://127.0.0.1:{port}/x.css");</style>'),
        page("", f'<base href="http://127.0.0.1:{port}/"><link rel="stylesheet" href="x.css">'),
        page("<p>x", f"<style>@font-face{{font-family:x;src:url(file://{secret})}}p{{font-family:x}}</style>"),
        page(f'<p style="background: url(http://127.0.0.1:{port}/x.png)">x'),
        page(f'<object data="file://{secret}" type="image/png"></object>'),
        page(f'<svg width="9" height="9"><image href="http://127.0.0.1:{port}/x.png"/></svg>'),
        page(
            '<img alt=\'\' src=\'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="9" '
            f'height="9"><image href="http://127.0.0.1:{port}/x.png" width="9" height="9"/></svg>\'>'
        ),
    ]
    return pages


def test_render_pdf_hostile_page_reaches_no_address_and_no_file(listener, tmp_path: Path):
    port, seen = listener
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"top secret")
    for hostile in hostile_pages(port, secret):
        with pytest.raises(RenderError, match="refused"):
            render_pdf(hostile, metadata=METADATA)
    assert seen == []


def test_render_pdf_links_and_attachments_of_the_page_embed_nothing(listener, tmp_path: Path):
    port, seen = listener
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"top secret")
    body = (
        f'<a rel="attachment" href="data:text/plain,joint">joint</a>'
        f'<a href="http://127.0.0.1:{port}/">lien</a><a href="file://{secret}">fichier</a>'
    )
    head = f'{STYLE}<link rel="attachment" href="file://{secret}">'
    pdf = render_pdf(
        page(body.replace('<a rel="attachment" href="data:text/plain,joint">joint</a>', ""), head), metadata=METADATA
    )
    with opened(pdf) as document:
        assert len(document.attachments) == 0
    assert seen == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_worker_opens_no_secret_while_laying_out_a_hostile_page(tmp_path: Path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"top secret")
    watched = []
    active = True

    def audit(event, arguments):
        if active and event in ("open", "socket.connect", "socket.getaddrinfo"):
            watched.append((event, str(arguments[0])))

    sys.addaudithook(audit)
    header = {
        "metadata": {"title": "x", "at": AT.isoformat(), "author": "", "subject": "", "keywords": [], "lang": "fr"},
        "roots": [str(render.dsfr_static_root())],
        "attachments": [],
    }
    for hostile in hostile_pages(9, secret):
        with pytest.raises(PermissionError, match="refused"):
            handle(dict(header), [hostile.encode()])
    active = False
    assert not [item for item in watched if item[0] != "open"]
    names = {name for _, name in watched}
    assert str(secret) not in names
    assert not [name for name in names if name.startswith("/etc/") and "font" not in name and "mime" not in name]


def test_fetcher_serves_static_files_and_stops_at_their_edge(tmp_path: Path):
    root, outside = tmp_path / "static", tmp_path / "outside.css"
    (root / "a").mkdir(parents=True)
    (root / "a" / "x.css").write_text("p {}")
    (root / "a" / "notes.txt").write_text("no")
    outside.write_text("p {}")
    (root / "link.css").symlink_to(outside)
    fetcher = StaticFetcher([root])
    assert fetcher.fetch("file:///static/a/x.css").read() == b"p {}"
    assert fetcher.fetch("file:///static/a/x.css").content_type == "text/css"
    assert fetcher.fetch("data:text/css,p{}").read() == b"p{}"
    for url in (
        "file:///static/link.css",
        "file:///static/../outside.css",
        "file:///static/%2e%2e/outside.css",
        "file:///static/a/../../outside.css",
        "file:///static/a/..%2f..%2foutside.css",
        "file:///static/a/notes.txt",
        "file:///static/a/x.css%00.png",
        "file:///static/a\\x.css",
        "file:///static/a",
        f"file://{outside}",
        "file://host/static/a/x.css",
        "http://static/a/x.css",
        "jar:file:///static/a/x.css",
    ):
        with pytest.raises((RefusedResource, ValueError)):
            fetcher.fetch(url)
    assert len(fetcher.refused) == 13


# The process ------------------------------------------------------------------------------


def test_render_pdf_process_inherits_no_socket_and_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    settings = RenderSettings(recycle_after=37)
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        render_pdf(LETTER, metadata=METADATA, settings=settings)
        process = render._process(settings.limits, 37)
        directory = Path(f"/proc/{process.pid}")
        targets = [os.readlink(path) for path in (directory / "fd").iterdir()]
        assert not [target for target in targets if "socket" in target]
        assert b"secret" not in (directory / "environ").read_bytes()
        limits = (directory / "limits").read_text()
        assert str(settings.limits.memory) in limits
    process.close()
    assert not directory.exists()


def test_render_pdf_out_of_time_is_killed_and_the_next_one_works():
    settings = RenderSettings(timeout=2.0)
    render_pdf(LETTER, metadata=METADATA, settings=settings)
    process = render._process(settings.limits, settings.recycle_after)
    before = process.pid
    endless = page("<table>" + "<tr>" + "<td>cellule" * 40 + "</tr>" + "<tr><td>x" * 20_000 + "</table>")
    with pytest.raises(RenderTimeout):
        render_pdf(endless, metadata=METADATA, settings=settings)
    assert not Path(f"/proc/{before}").exists()
    assert render_pdf(LETTER, metadata=METADATA).startswith(b"%PDF-1.7")


def test_render_pdf_out_of_memory_is_an_error():
    settings = RenderSettings(limits=Limits(memory=100 << 20), timeout=60)
    with pytest.raises(RenderError, match=r"MemoryError|died") as caught:
        render_pdf(LETTER, metadata=METADATA, settings=settings)
    assert not isinstance(caught.value, RenderTimeout)
    render._process(settings.limits, settings.recycle_after).close()


def test_render_pdf_process_killed_between_two_pages_is_replaced():
    render_pdf(LETTER, metadata=METADATA)
    process = render._process(RenderSettings().limits, RenderSettings().recycle_after)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert render_pdf(LETTER, metadata=METADATA).startswith(b"%PDF-1.7")
    assert process.pid not in (None, first)


def test_render_pdf_process_is_replaced_after_its_share_of_pages():
    settings = RenderSettings(recycle_after=2)
    process = render._process(settings.limits, 2)
    pids = []
    for _ in range(3):
        render_pdf(LETTER, metadata=METADATA, settings=settings)
        pids.append(process.pid)
    process.close()
    assert pids[0] == pids[1] != pids[2]


def test_render_pdf_after_fork_each_process_has_its_own():
    pdf = render_pdf(LETTER, metadata=METADATA)
    process = render._process(RenderSettings().limits, RenderSettings().recycle_after)
    before = process.pid
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        same = render_pdf(LETTER, metadata=METADATA) == pdf and process.pid != before
        process.close()
        os.write(writer, b"yes" if same else b"no")
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 3) == b"yes"
    os.close(reader)
    assert process.pid == before
    assert render_pdf(LETTER, metadata=METADATA) == pdf


def test_render_pdf_threads_take_turns():
    results = []
    threads = [threading.Thread(target=lambda: results.append(render_pdf(LETTER, metadata=METADATA))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1


def test_qr_data_uri_is_a_square_image_with_its_quiet_zone():
    uri = qr_data_uri("https://example.org/verifier/88")
    assert uri.startswith("data:image/svg+xml")
    assert qr_data_uri("https://example.org/verifier/88") == uri
    assert qr_data_uri("https://example.org/verifier/89") != uri
    assert "alt" not in uri
