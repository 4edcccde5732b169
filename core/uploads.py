"""Files that people send: opened with their own library before anything keeps them, then given to the antivirus.

The type is what the bytes are, never what the name says. Refused, with a French sentence on field ``file``: empty, too
large, unknown type, two types at once, a name that contradicts the content, active content, archive bombs, viruses.
"""

import io
import logging
import lzma
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import pikepdf
from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat
from PIL import Image, UnidentifiedImageError

from core import outbox
from core.errors import Refused
from core.files import read
from core.models import FileScan, OutboxMessage, StoredFile

logger = logging.getLogger("guichet.uploads")

LARGEST_RATIO = 100
LARGEST_PIXELS = 80_000_000
MOST_MEMBERS = 5_000
# Objects held one in another: far above what any office writes.
DEEPEST = 50
LARGEST_UNPACKED = 200 * 1024 * 1024
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
EXTENSIONS = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "docx": DOCX,
    "xlsx": XLSX,
    "odt": ODT,
    "ods": ODS,
}
ACCEPT = ".pdf,.png,.jpg,.jpeg,.docx,.xlsx,.odt,.ods"
# Keys of a PDF that make a reader act, or that carry other files.
ACTIVE_KEYS = {"/JS", "/EF", "/RichMediaContent"}
ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToE", "/Rendition"}
# All that zipfile lets out of a damaged archive, its own name for it and those of what it calls.
UNREADABLE_ARCHIVE = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
WITH_FILE = (
    "Ce PDF porte un autre fichier en pièce jointe. Imprimez-le en PDF et envoyez cette copie\u00a0; déposez l’autre "
    "fichier à part."
)
WITH_PROGRAM = "Ce PDF contient un programme. Imprimez-le en PDF, puis envoyez cette copie."
HEAVY = "Ce fichier se déplie en un contenu démesuré. Envoyez un document ordinaire, par exemple un PDF."


@dataclass(frozen=True)
class Inspected:
    """A file that may be kept: its real media type, and what the antivirus said before it was."""

    media_type: str
    verdict: str
    detail: str = ""


def inspect(*, content: bytes, name: str) -> Inspected:
    """Opens the file with its own library, then asks the antivirus. Raises Refused on field ``file``."""
    if not content:
        raise _refused("Le fichier est vide. Vérifiez-le sur votre poste, puis choisissez-le à nouveau.")
    if len(content) > settings.ATTACHMENT_MAX_BYTES:
        limit = settings.ATTACHMENT_MAX_BYTES // (1024 * 1024)
        raise _refused(
            f"Le fichier dépasse {limit} Mo. Réduisez-le (numérisation en 150 points par pouce) ou scindez-le."
        )
    stated = EXTENSIONS.get(name.rsplit(".", 1)[-1].lower()) if "." in name else None
    if stated is None:
        raise _refused(
            "Ce type de fichier n’est pas accepté. Envoyez un PDF, une image (PNG, JPEG) ou un document bureautique."
        )
    found = media_type_of(content)
    if found != stated:
        raise _refused(
            "Le contenu de ce fichier ne correspond pas à son nom. Enregistrez-le à nouveau, par exemple en PDF."
        )
    verdict, detail = scan(content)
    if verdict == FileScan.Verdict.INFECTED:
        raise _refused("L’antivirus a refusé ce fichier. Demandez de l’aide à votre service informatique.")
    return Inspected(found, verdict, detail)


def media_type_of(content: bytes) -> str:
    """What the bytes are, after their own library has read them through. Raises Refused."""
    readers = {
        b"%PDF-": _check_pdf,
        b"\x89PNG\r\n": _check_image,
        b"\xff\xd8\xff": _check_image,
        b"PK\x03\x04": _check_zip,
    }
    for signature, check in readers.items():
        if content.startswith(signature):
            return check(content)
    raise _refused(
        "Ce fichier n’est pas d’un type accepté, ou il est abîmé. Envoyez un PDF, une image ou un document bureautique."
    )


def _refused(message: str) -> Refused:
    return Refused(message, field="file")


def _two_types() -> Refused:
    return _refused(
        "Ce fichier est de deux types à la fois. Enregistrez-le à nouveau, par exemple en l’imprimant en PDF."
    )


def _check_pdf(content: bytes) -> str:
    if zipfile.is_zipfile(io.BytesIO(content)) or b"PK\x03\x04" in content[:1024]:
        raise _two_types()
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            if document.is_encrypted:
                raise _refused("Ce PDF est protégé par un mot de passe. Enregistrez-le sans protection.")
            if not len(document.pages):
                raise _refused("Ce PDF ne contient aucune page.")
            for item in document.objects:
                _refuse_active(item)
    except pikepdf.PasswordError as error:
        raise _refused("Ce PDF est protégé par un mot de passe. Enregistrez-le sans protection.") from error
    # The others are what pikepdf lets out of names and texts that are not what they should be.
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError) as error:
        raise _refused("Ce PDF est abîmé\u00a0: nous ne pouvons pas l’ouvrir. Enregistrez-le à nouveau.") from error
    return "application/pdf"


def _refuse_active(item: Any, depth: int = 0) -> None:
    """Walks one object with what it holds directly; what it refers to is walked in its own turn."""
    if isinstance(item, pikepdf.Array):
        children = list(item)
    elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
        keys = set(item.keys())
        carries = "/EF" in keys or _is_name(item.get("/Type"), {"/EmbeddedFile"})
        if carries or keys & ACTIVE_KEYS or _is_name(item.get("/S"), ACTIVE_ACTIONS):
            raise _refused(WITH_FILE if carries else WITH_PROGRAM)
        children = [item[key] for key in keys]
    else:
        return
    if depth > DEEPEST:
        raise _refused(HEAVY)
    for child in children:
        if isinstance(child, pikepdf.Object) and not child.is_indirect:
            _refuse_active(child, depth + 1)


def _is_name(value: Any, wanted: set[str]) -> bool:
    """Whether a value is one of these names. Compared as names: the bytes of others need not be text."""
    return isinstance(value, pikepdf.Name) and any(value == pikepdf.Name(name) for name in wanted)


def _check_image(content: bytes) -> str:
    if zipfile.is_zipfile(io.BytesIO(content)) or b"%PDF-" in content[-(1 << 20) :]:
        raise _two_types()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
                width, height = image.size
                # A telephone's picture may hold a second one, for its screen: « MPO », and a JPEG all the same.
                media_type = "image/png" if image.format == "PNG" else "image/jpeg"
                if width * height > LARGEST_PIXELS:
                    raise _refused(HEAVY)
                image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _refused("Cette image est abîmée\u00a0: nous ne pouvons pas l’ouvrir.") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _refused(HEAVY) from error
    return media_type


def _check_zip(content: bytes) -> str:
    """An office document: a sound archive, its declared parts, no program, nothing oversized."""
    if b"%PDF-" in content[:1024] or b"%PDF-" in content[-1024:]:
        raise _two_types()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _refuse_bomb(members)
            names = {member.filename for member in members}
            if any(
                name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js")) or "/scripts/" in f"/{name.lower()}"
                for name in names
            ):
                raise _refused("Ce document contient des macros. Enregistrez-le sans macro, ou en PDF.")
            if archive.testzip() is not None:
                raise _refused("Ce document est abîmé\u00a0: nous ne pouvons pas l’ouvrir.")
            return _office_type(archive, names)
    except UNREADABLE_ARCHIVE as error:
        raise _refused("Ce document est abîmé\u00a0: nous ne pouvons pas l’ouvrir.") from error


def _refuse_bomb(members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS or unpacked > LARGEST_UNPACKED:
        raise _refused(HEAVY)
    for member in members:
        if member.flag_bits & 1:
            raise _refused("Ce document est protégé par un mot de passe. Enregistrez-le sans protection.")
        if member.file_size > 64 * 1024 and member.file_size > LARGEST_RATIO * max(member.compress_size, 1):
            raise _refused(HEAVY)
        if member.filename.lower().endswith((".zip", ".jar", ".7z", ".rar")):
            raise _refused("Ce fichier contient une archive. Envoyez les documents un par un.")


def _office_type(archive: zipfile.ZipFile, names: set[str]) -> str:
    if "mimetype" in names:
        declared = archive.read("mimetype")[:120].decode("ascii", "replace").strip()
        if declared in {ODT, ODS} and "content.xml" in names:
            return declared
    elif "[Content_Types].xml" in names:
        if "word/document.xml" in names:
            return DOCX
        if "xl/workbook.xml" in names:
            return XLSX
    raise _refused("Les archives ne sont pas acceptées. Envoyez les documents un par un, par exemple en PDF.")


# ------------------------------------------------------------------------------------------------ antivirus


def scan(content: bytes) -> tuple[str, str]:
    """The antivirus' verdict, or « unscanned » when there is none or it does not answer."""
    if not settings.CLAMD_ADDRESS:
        return FileScan.Verdict.UNSCANNED, "aucun antivirus"
    import clamd

    try:
        status, detail = _clamd(clamd).instream(io.BytesIO(content))["stream"]
    except (clamd.ClamdError, OSError, KeyError, ValueError) as error:
        logger.warning("antivirus_unreachable", extra={"error": type(error).__name__})
        return FileScan.Verdict.UNSCANNED, type(error).__name__
    if status == "OK":
        return FileScan.Verdict.CLEAN, ""
    return (FileScan.Verdict.INFECTED if status == "FOUND" else FileScan.Verdict.UNSCANNED), str(detail or "")[:200]


def _clamd(clamd: Any) -> Any:
    address = settings.CLAMD_ADDRESS
    if "/" in address:
        return clamd.ClamdUnixSocket(path=address, timeout=20)
    host, _, port = address.partition(":")
    return clamd.ClamdNetworkSocket(host=host, port=int(port or 3310), timeout=20)


def record_scan(stored: StoredFile, inspected: Inspected) -> None:
    """Keeps the verdict; what could not be scanned is tried again after the commit. In the caller's transaction."""
    FileScan.objects.create(file=stored, verdict=inspected.verdict, detail=inspected.detail)
    if inspected.verdict == FileScan.Verdict.UNSCANNED and settings.CLAMD_ADDRESS:
        outbox.enqueue(kind="core.scan", payload={"file": str(stored.pk)}, dedupe_key=f"scan:{stored.pk}")


@transaction.atomic
def queue_unscanned(limit: int = 500) -> int:
    """Queues the scan of files that arrived while there was no antivirus, oldest first. Returns how many. Nothing
    without one: they wait."""
    if not settings.CLAMD_ADDRESS:
        return 0
    scanned = FileScan.objects.filter(file=OuterRef("pk")).exclude(verdict=FileScan.Verdict.UNSCANNED)
    queued = OutboxMessage.objects.filter(dedupe_key=Concat(Value("scan:"), Cast(OuterRef("pk"), CharField())))
    rows = StoredFile.objects.filter(~Exists(scanned), ~Exists(queued), scans__isnull=False).distinct()
    keys = list(rows.order_by("created_at", "pk").values_list("pk", flat=True)[:limit])
    for key in keys:
        outbox.enqueue(kind="core.scan", payload={"file": str(key)}, dedupe_key=f"scan:{key}")
    return len(keys)


@outbox.handler("core.scan")
def rescan(payload: dict[str, Any]) -> None:
    """Scans a stored file whose antivirus did not answer; raising has it tried again later."""
    stored = StoredFile.objects.filter(pk=payload["file"]).first()
    if stored is None or stored.scans.exclude(verdict=FileScan.Verdict.UNSCANNED).exists():
        return
    verdict, detail = scan(read(stored))
    if verdict == FileScan.Verdict.UNSCANNED:
        raise ConnectionError(f"antivirus unreachable: {detail}")
    FileScan.objects.create(file=stored, verdict=verdict, detail=detail)


def is_released(stored: StoredFile) -> bool:
    """Whether the file may be handed out: never when infected; scanned first where unscanned files are held back."""
    last = stored.scans.order_by("id").last()
    verdict = last.verdict if last else FileScan.Verdict.UNSCANNED
    if verdict == FileScan.Verdict.INFECTED:
        return False
    return verdict == FileScan.Verdict.CLEAN or not settings.HOLD_UNSCANNED_FILES
