"""``manage.py restore FILE``: puts a backup into an empty place."""

import json
import os
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from core.backup import BLOCK, DUMP, FILES, MANIFEST, SECRETS, every_key, member, run_program, verify_archive

# Made by any command at its first run, this one included: the key of the archive takes its place.
SITE_KEY = "guichet_secret_key.secret"


class Command(BaseCommand):
    help = "Restaure une sauvegarde dans une base et un dossier de fichiers vides. N'écrase rien."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, help="fichier .tar écrit par « backup »")

    def handle(self, archive: Path, **options: object) -> None:
        refuse_unless_empty()
        try:
            with tarfile.open(archive) as source:
                manifest = read_manifest(source)
                verify_archive(source, manifest)
                files = restore_all(source, manifest)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise CommandError(f"Sauvegarde illisible : {error}") from error
        self.stdout.write(f"Restauré : base et {files} fichiers, sauvegarde du {manifest['made_at']}.")


def refuse_unless_empty() -> None:
    """CommandError where a table or a file is."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        if cursor.fetchone()[0]:
            raise CommandError("La base n'est pas vide : une restauration n'écrase rien.")
    if next(every_key(), None) is not None:
        raise CommandError("Le dossier des fichiers n'est pas vide : une restauration n'écrase rien.")


def read_manifest(source: tarfile.TarFile) -> dict[str, Any]:
    """The list of what the archive holds."""
    with member(source, MANIFEST) as handle:
        try:
            manifest: dict[str, Any] = json.load(handle)
        except ValueError as error:
            raise CommandError(f"Sauvegarde abîmée : {MANIFEST} est illisible. Rien n'a été restauré.") from error
    return manifest


def restore_all(source: tarfile.TarFile, manifest: dict[str, Any]) -> int:
    """Files, then the database in one transaction, then keys. Returns the number of files; if the database
    refuses, the files are taken away again."""
    written: list[str] = []
    try:
        for name in manifest["members"]:
            if name.startswith(FILES):
                restore_file(source, name, written)
        restore_database(source)
    except BaseException:
        for key in written:
            default_storage.delete(key)
        raise
    for name in manifest["members"]:
        if name.startswith(SECRETS):
            restore_secret(source, name)
    return len(written)


def restore_file(source: tarfile.TarFile, name: str, written: list[str]) -> None:
    """One file of the store, at its own key."""
    key = name.removeprefix(FILES)
    with member(source, name) as handle:
        saved = default_storage.save(key, File(handle))
    written.append(saved)
    if saved != key:
        raise CommandError(f"Le fichier {key} existe déjà : une restauration n'écrase rien.")


def restore_secret(source: tarfile.TarFile, name: str) -> None:
    """One key, private, never over another one; the key of the site where the environment gives none."""
    path = Path(settings.DATA_DIR) / name.removeprefix(SECRETS)
    is_site_key = path.name == SITE_KEY and not os.environ.get("GUICHET_SECRET_KEY")
    if path.exists() and not is_site_key:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target, member(source, name) as handle:
        target.write(handle.read())


def restore_database(source: tarfile.TarFile) -> None:
    """Tables, rows, functions, triggers and grants, all or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / DUMP
        with dump.open("wb") as target, member(source, DUMP) as handle:
            while block := handle.read(BLOCK):
                target.write(block)
        connections["owner"].close()
        run_program("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", str(dump))
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
