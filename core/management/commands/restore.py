"""``manage.py restore FILE``: puts a backup into an empty place."""

import json
import os
import tarfile
import tempfile
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from core.backup import BLOCK, DUMP, FILES, MANIFEST, SECRETS, SITE_KEY, every_key, member, run_program, verify_archive

OTHER_SITE_KEY = (
    "GUICHET_SECRET_KEY diffère de la clé de la sauvegarde, qui n’est pas non plus dans GUICHET_SECRET_KEY_FALLBACKS. "
    "Rien n’a été restauré."
)


class Command(BaseCommand):
    help = "Restaure une sauvegarde dans une base et un dossier de fichiers vides. N’écrase rien."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, help="fichier .tar écrit par « backup »")

    def handle(self, archive: Path, **options: object) -> None:
        refuse_unless_empty()
        try:
            with tarfile.open(archive) as source:
                manifest = read_manifest(source)
                verify_archive(source, manifest)
                refuse_other_keys(source, manifest)
                files = restore_all(source, manifest)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise CommandError(f"Sauvegarde illisible : {error}") from error
        analyse()
        self.stdout.write(f"Restauré : base et {files} fichiers, sauvegarde du {manifest['made_at']}.")


def refuse_unless_empty() -> None:
    """CommandError where a table or a file is."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        if cursor.fetchone()[0]:
            raise CommandError("La base n’est pas vide : une restauration n’écrase rien.")
    if next(every_key(), None) is not None:
        raise CommandError("Le dossier des fichiers n’est pas vide : une restauration n’écrase rien.")


def read_manifest(source: tarfile.TarFile) -> dict[str, Any]:
    """The list of what the archive holds."""
    with member(source, MANIFEST) as handle:
        try:
            manifest: dict[str, Any] = json.load(handle)
        except ValueError as error:
            raise CommandError(f"Sauvegarde abîmée : {MANIFEST} est illisible. Rien n’a été restauré.") from error
    return manifest


def refuse_other_keys(source: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    """CommandError where the place holds another installation's keys: seals and timestamps of the archive would no
    longer be trusted, nor its second factors read."""
    for name in manifest["members"]:
        if not name.startswith(SECRETS) or is_replaced(path := path_of_secret(name)):
            continue
        with member(source, name) as handle:
            content = handle.read()
        if path.name == SITE_KEY:
            if content.decode().strip() not in site_keys():
                raise CommandError(OTHER_SITE_KEY)
        elif path.exists() and path.read_bytes() != content:
            raise CommandError(f"{path} existe déjà et diffère de la sauvegarde. Rien n’a été restauré.")


def site_keys() -> list[str]:
    """The key that the environment gives and the former ones still believed: each reads what the archive sealed."""
    return [key.strip() for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def restore_all(source: tarfile.TarFile, manifest: dict[str, Any]) -> int:
    """Files, keys, then the database in one transaction. Returns the number of files; whatever fails, files and keys
    are taken away again and what stood there is put back."""
    written: list[str] = []
    keys: list[tuple[Path, bytes | None]] = []
    try:
        for name in manifest["members"]:
            if name.startswith(FILES):
                restore_file(source, name, written)
        for name in manifest["members"]:
            if name.startswith(SECRETS):
                restore_secret(source, name, keys)
        restore_database(source)
    except BaseException:
        for key in written:
            default_storage.delete(key)
        for path, before in keys:
            path.unlink(missing_ok=True)
            if before is not None:
                write_private(path, before)
        raise
    return len(written)


def path_of_secret(name: str) -> Path:
    return Path(settings.DATA_DIR) / name.removeprefix(SECRETS)


def is_replaced(path: Path) -> bool:
    """The key of the site, where the environment gives none: any command makes one at its first run, this one too."""
    return path.name == SITE_KEY and not os.environ.get("GUICHET_SECRET_KEY")


def restore_file(source: tarfile.TarFile, name: str, written: list[str]) -> None:
    """One file of the store, at its own key."""
    key = name.removeprefix(FILES)
    with member(source, name) as handle:
        saved = default_storage.save(key, File(handle))
    written.append(saved)
    if saved != key:
        raise CommandError(f"Le fichier {key} existe déjà : une restauration n’écrase rien.")


def restore_secret(source: tarfile.TarFile, name: str, keys: list[tuple[Path, bytes | None]]) -> None:
    """One key, private; what is there is the same, save the key of the site. ``keys`` remembers what stood there."""
    path = path_of_secret(name)
    if path.exists() and not is_replaced(path):
        return
    with member(source, name) as handle:
        content = handle.read()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.append((path, path.read_bytes() if path.exists() else None))
    path.unlink(missing_ok=True)
    write_private(path, content)


def write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)


def restore_database(source: tarfile.TarFile) -> None:
    """Tables, rows, functions, triggers and grants, all or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / DUMP
        with dump.open("wb") as target, member(source, DUMP) as handle:
            while block := handle.read(BLOCK):
                target.write(block)
        connections["owner"].close()
        run_program("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(dump))


def analyse() -> None:
    """Statistics for the planner. Everything is restored by then: a failure takes nothing back."""
    with suppress(DatabaseError), connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
