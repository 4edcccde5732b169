"""Files that people send: what the bytes are, and what they must not be."""

import contextlib
import io
import random
import socket
import struct
import threading
import zipfile
import zlib

import pikepdf
import pytest
from PIL import Image

from core import uploads
from core.errors import Refused
from core.models import FileScan
from tests.factories.applications import pdf

EICAR_ANSWER = b"stream: Eicar-Test-Signature FOUND\n"


def image(kind: str, size=(8, 8)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size).save(target, kind)
    return target.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return target.getvalue()


def docx(**more: bytes) -> bytes:
    return archive({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>", **more})


def odt() -> bytes:
    return archive({"mimetype": uploads.ODT.encode(), "content.xml": b"<x/>"})


def flipped(content: bytes, seed: int) -> bytes:
    """The file with some bytes changed, always the same for one ``seed``."""
    draw = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
    return bytes(damaged)


def active_pdf(change) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    change(document)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def with_javascript(document):
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    document.Root.OpenAction = document.make_indirect(action)


def with_launch(document):
    document.pages[0].obj.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe"))


def with_file(document):
    document.attachments["autre.exe"] = b"MZ"


def holding(text: bytes):
    """A PDF that holds this object, as written in the file."""

    def change(document):
        document.Root.Held = document.make_indirect(pikepdf.Object.parse(text))

    return active_pdf(change)


ACTION = b"<< /S /JavaScript >>"


def two_pictures() -> bytes:
    """As many telephones write: the picture, then a smaller one for their screen."""
    target = io.BytesIO()
    small = Image.new("RGB", (4, 4))
    Image.new("RGB", (8, 8)).save(target, "MPO", save_all=True, append_images=[small])
    return target.getvalue()


def encrypted() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    target = io.BytesIO()
    document.save(target, encryption=pikepdf.Encryption(owner="a", user="b"))
    return target.getvalue()


def without_page() -> bytes:
    target = io.BytesIO()
    pikepdf.new().save(target)
    return target.getvalue()


def huge_png() -> bytes:
    """A picture of 900 megapixels that weighs nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", pdf()),
        ("a.PDF", pdf()),
        ("a.png", image("PNG")),
        ("a.jpeg", image("JPEG")),
        ("a.jpg", two_pictures()),
        ("a.pdf", holding(b"<< /S /#FF#FE /Type /#FF#FE >>")),
        ("a.pdf", holding(b"<< /S (\\357\\273\\277\\377) /Type (\\377\\376) >>")),
        ("a.docx", docx()),
        ("a.odt", odt()),
        ("a.xlsx", archive({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})),
    ],
)
def test_sound_file_is_taken_for_what_it_is(name, content):
    assert uploads.inspect(content=content, name=name).media_type == uploads.EXTENSIONS[name.rsplit(".")[-1].lower()]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"", "vide"),
        ("a.pdf", b"%PDF-" + b"0" * (10 * 1024 * 1024), "dépasse 10"),
        ("a.exe", b"MZ", "Ce type de fichier n’est pas accepté"),
        ("sans-extension", pdf(), "Ce type de fichier n’est pas accepté"),
        ("a.pdf", b"MZ\x90\x00", "n’est pas d’un type accepté"),
        ("a.pdf", b"%PDF-1.7 rien", "abîmé"),
        ("a.png", pdf(), "ne correspond pas à son nom"),
        ("a.pdf", image("PNG"), "ne correspond pas à son nom"),
        ("a.docx", odt(), "ne correspond pas à son nom"),
        ("a.pdf", pdf() + archive({"x.txt": b"x"}), "deux types à la fois"),
        ("a.png", image("PNG") + archive({"x.txt": b"x"}), "deux types à la fois"),
        ("a.jpg", image("JPEG") + pdf(), "deux types à la fois"),
        ("a.docx", docx() + b"%PDF-1.7", "deux types à la fois"),
        ("a.pdf", active_pdf(with_javascript), "contient un programme"),
        ("a.pdf", active_pdf(with_launch), "contient un programme"),
        ("a.pdf", active_pdf(with_file), "fichier en pièce jointe"),
        ("a.pdf", holding(b"<< /Parent << /AA << /K " + ACTION + b" >> >> >>"), "contient un programme"),
        ("a.pdf", holding(b"<< /Next " * 40 + ACTION + b" >>" * 40), "contient un programme"),
        ("a.pdf", holding(b"<< /Next " * 60 + ACTION + b" >>" * 60), "démesuré"),
        ("a.pdf", encrypted(), "mot de passe"),
        ("a.pdf", without_page(), "aucune page"),
        ("a.png", huge_png(), "démesuré"),
        ("a.png", image("PNG")[:40], "abîmée"),
        ("a.docx", docx(**{"word/vbaProject.bin": b"x"}), "macros"),
        ("a.docx", docx(**{"word/media/x.zip": b"x"}), "archive"),
        ("a.docx", docx(**{"word/bomb.xml": b"0" * 20_000_000}), "démesuré"),
        ("a.docx", archive({"x.txt": b"x"}), "archives ne sont pas acceptées"),
        ("a.docx", docx()[:-30], "abîmé"),
    ],
)
def test_unsound_file_is_refused_with_a_sentence(name, content, message):
    with pytest.raises(Refused) as refusal:
        uploads.inspect(content=content, name=name)
    assert message in refusal.value.message
    assert refusal.value.field == "file"


@pytest.fixture
def antivirus(settings):
    """A server that speaks clamd's INSTREAM and answers what the test wants."""
    server = socket.create_server(("127.0.0.1", 0))
    answers = {"text": b"stream: OK\n"}

    def serve():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(10)
                while size := struct.unpack("!L", client.recv(4, socket.MSG_WAITALL))[0]:
                    client.recv(size, socket.MSG_WAITALL)
                client.sendall(answers["text"])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.CLAMD_ADDRESS = f"127.0.0.1:{server.getsockname()[1]}"
    yield answers
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_antivirus_clears_or_refuses(antivirus):
    assert uploads.inspect(content=pdf(), name="a.pdf").verdict == FileScan.Verdict.CLEAN
    antivirus["text"] = EICAR_ANSWER
    with pytest.raises(Refused, match="antivirus a refusé"):
        uploads.inspect(content=pdf(), name="a.pdf")


def test_antivirus_away_leaves_the_file_unscanned_and_held_back(db, settings, antivirus):
    from applications.enums import AttachmentKind
    from core.models import OutboxMessage
    from core.outbox import deliver_all
    from tests.factories.applications import attach, start

    settings.HOLD_UNSCANNED_FILES = True
    address, settings.CLAMD_ADDRESS = settings.CLAMD_ADDRESS, "127.0.0.1:1"
    attachment = attach(start(), AttachmentKind.DELIBERATION, through_service=True)[0]
    assert not uploads.is_released(attachment.file)
    assert OutboxMessage.objects.filter(kind="core.scan").count() == 1
    settings.CLAMD_ADDRESS = address
    deliver_all()
    assert uploads.is_released(attachment.file)


def test_file_that_came_before_the_antivirus_is_scanned_once_there_is_one(db, settings, antivirus):
    from applications.enums import AttachmentKind
    from core.models import OutboxMessage
    from core.outbox import deliver_all
    from tests.factories.applications import attach, start

    settings.HOLD_UNSCANNED_FILES = True
    attach(start(), AttachmentKind.DELIBERATION, through_service=True)
    address, settings.CLAMD_ADDRESS = settings.CLAMD_ADDRESS, ""
    attachments = [attach(start(), AttachmentKind.DELIBERATION, through_service=True)[0] for _ in range(2)]
    assert not OutboxMessage.objects.filter(kind="core.scan").exists()
    assert uploads.queue_unscanned() == 0
    settings.CLAMD_ADDRESS = address
    assert [uploads.queue_unscanned(limit=1), uploads.queue_unscanned(), uploads.queue_unscanned()] == [1, 1, 0]
    deliver_all()
    assert all(uploads.is_released(attachment.file) for attachment in attachments)
    assert uploads.queue_unscanned() == 0


def test_file_found_infected_later_is_never_handed_out(db, settings):
    from tests.factories.applications import attach, start

    attachment = attach(start())[0]
    assert uploads.is_released(attachment.file)
    FileScan.objects.create(file=attachment.file, verdict=FileScan.Verdict.INFECTED)
    assert not uploads.is_released(attachment.file)


@pytest.mark.parametrize("name", ["a.docx", "a.odt", "a.pdf", "a.png"])
def test_damaged_file_is_refused_in_french_or_still_sound(name):
    sound = {"a.docx": docx(**{"word/styles.xml": b"<styles/>" * 200}), "a.odt": odt(), "a.pdf": pdf()}
    content = sound.get(name) or image("PNG")
    sound_still = 0
    for seed in range(300):
        # Anything but a refusal that a person can read goes through, and fails the test.
        with contextlib.suppress(Refused):
            uploads.inspect(content=flipped(content, seed), name=name)
            sound_still += 1
    assert sound_still < 280
