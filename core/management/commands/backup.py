"""``manage.py backup FILE``: database and files in one archive."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.backup import address, every_key, program


class Command(BaseCommand):
    help = "Sauvegarde la base et les fichiers dans une archive .tar. Les clés de démonstration sont incluses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", help="fichier .tar à écrire (ne doit pas exister)")
        parser.add_argument("--without-keys", action="store_true", help="laisse de côté les clés de démonstration")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Path(options["archive"])
        if target.exists():
            raise CommandError(f"{target} existe déjà.")
        draft = target.with_suffix(target.suffix + ".part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as handle, tarfile.open(fileobj=handle, mode="w") as archive:
                # The dump first: every file that a row of the dump points at was written before the row.
                self._add_dump(archive)
                manifest = self._add_files(archive)
                if not options["without_keys"] and Path(settings.PKI_DIR).exists():
                    archive.add(settings.PKI_DIR, arcname="pki")
                self._add_bytes(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        self.stdout.write(f"Sauvegarde : {target} ({target.stat().st_size} octets, {len(manifest['files'])} fichiers)")

    def _add_dump(self, archive: tarfile.TarFile) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / "database.dump"
            command = [program("pg_dump"), "--format=custom", f"--file={dump}", f"--dbname={address('owner')}"]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise CommandError(f"pg_dump a échoué : {result.stderr.strip()}")
            archive.add(dump, arcname="database.dump")

    def _add_files(self, archive: tarfile.TarFile) -> dict[str, Any]:
        manifest: dict[str, Any] = {"made_at": timezone.now().isoformat(), "files": {}}
        for key in every_key():
            with default_storage.open(key, "rb") as handle:
                content = handle.read()
            manifest["files"][key] = hashlib.sha256(content).hexdigest()
            self._add_bytes(archive, f"files/{key}", content)
        return manifest

    def _add_bytes(self, archive: tarfile.TarFile, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        entry.mode = 0o600
        archive.addfile(entry, io.BytesIO(content))
