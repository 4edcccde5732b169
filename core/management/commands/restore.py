"""``manage.py restore FILE``: puts a backup into an empty place."""

import hashlib
import json
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from core.backup import address, every_key, program


class Command(BaseCommand):
    help = "Restaure une sauvegarde dans une base et un dossier de fichiers vides. Refuse d'écraser quoi que ce soit."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", help="fichier .tar écrit par « backup »")

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_if_not_empty()
        try:
            with tarfile.open(options["archive"]) as archive:
                manifest = json.loads(self._content(archive, "manifest.json"))
                self._restore_files(archive, manifest["files"])
                self._restore_keys(archive)
                self._restore_database(archive)
        except (tarfile.TarError, OSError) as error:
            raise CommandError(f"Sauvegarde illisible : {error}") from error
        self.stdout.write(f"Restauré : {len(manifest['files'])} fichiers, sauvegarde du {manifest['made_at']}.")

    def _refuse_if_not_empty(self) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            if cursor.fetchone()[0]:
                raise CommandError("La base n'est pas vide : une restauration n'écrase rien.")
        if next(every_key(), None) is not None:
            raise CommandError("Le dossier des fichiers n'est pas vide : une restauration n'écrase rien.")

    def _content(self, archive: tarfile.TarFile, name: str) -> bytes:
        try:
            handle = archive.extractfile(name)
        except KeyError:
            handle = None
        if handle is None:
            raise CommandError(f"La sauvegarde ne contient pas {name}.")
        return handle.read()

    def _restore_files(self, archive: tarfile.TarFile, files: dict[str, str]) -> None:
        for key, expected in files.items():
            content = self._content(archive, f"files/{key}")
            if hashlib.sha256(content).hexdigest() != expected:
                raise CommandError(f"Le fichier {key} de la sauvegarde est abîmé.")
            if default_storage.save(key, ContentFile(content)) != key:
                raise CommandError(f"Le fichier {key} existe déjà.")

    def _restore_keys(self, archive: tarfile.TarFile) -> None:
        """Written file by file, private to us, and never over keys that are already here."""
        target = Path(settings.PKI_DIR)
        names = [member.name for member in archive.getmembers() if member.isfile() and member.name.startswith("pki/")]
        if not names or target.exists():
            return
        for name in names:
            parts = Path(name).relative_to("pki").parts
            if ".." in parts:
                raise CommandError(f"Chemin refusé dans la sauvegarde : {name}")
            path = target.joinpath(*parts)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(self._content(archive, name))

    def _restore_database(self, archive: tarfile.TarFile) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / "database.dump"
            dump.write_bytes(self._content(archive, "database.dump"))
            connections["owner"].close()
            command = [
                program("pg_restore"),
                "--exit-on-error",
                "--single-transaction",
                "--no-owner",
                f"--dbname={address('owner')}",
                str(dump),
            ]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise CommandError(f"pg_restore a échoué : {result.stderr.strip()}")
