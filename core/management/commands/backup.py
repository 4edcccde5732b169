"""``manage.py backup FILE``: database, files and keys in one archive."""

import io
import json
import os
import tarfile
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import CommandError
from django.utils import timezone

from core.anchors import AnchoringBusy, no_other_anchor
from core.backup import (
    DUMP,
    FILES,
    MANIFEST,
    SECRETS,
    HashingReader,
    every_key,
    every_secret,
    run_program,
    verify_archive,
)
from core.commands import PreparedCommand

KEY_ELSEWHERE = (
    "La clé du site vient de l’environnement (GUICHET_SECRET_KEY) : elle n’est pas dans cette archive. Gardez-la à part, "
    "avec les clés de signature configurées hors du dossier de données : sans elles, plus de seconds facteurs ni de cachet."
)


class Command(PreparedCommand):
    help = "Sauvegarde la base, les fichiers et les clés de cette installation dans une archive .tar."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, help="fichier .tar à écrire (ne doit pas exister)")
        parser.add_argument("--without-keys", action="store_true", help="laisse de côté les clés du dossier de données")

    def handle(self, archive: Path, *, without_keys: bool, **options: object) -> None:
        if archive.exists():
            raise CommandError(f"{archive} existe déjà : une sauvegarde n’écrase rien.")
        if not archive.parent.is_dir():
            raise CommandError(f"Le dossier {archive.parent} n’existe pas.")
        self.members: dict[str, str] = {}
        if not without_keys and os.environ.get("GUICHET_SECRET_KEY"):
            self.stderr.write(KEY_ELSEWHERE)
        try:
            # An anchor made between the dump and the files would leave a copy whose row is not in the dump.
            with no_other_anchor():
                self.write(archive, with_keys=not without_keys)
        except AnchoringBusy as error:
            raise CommandError(str(error)) from error
        files = sum(name.startswith(FILES) for name in self.members)
        self.stdout.write(f"Sauvegarde : {archive} ({archive.stat().st_size} octets, {files} fichiers)")

    def write(self, archive: Path, *, with_keys: bool) -> None:
        """A draft of its own, private, that takes its name once whole and never takes another archive's place."""
        descriptor, name = tempfile.mkstemp(prefix=f"{archive.name}.", suffix=".part", dir=archive.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                with tarfile.open(fileobj=handle, mode="w") as target:
                    self.add_all(target, with_keys=with_keys)
                handle.flush()
                os.fsync(handle.fileno())
            self.read_again(draft)
            publish(draft, archive)
        except FileExistsError as error:
            raise CommandError(f"{archive} existe déjà : une sauvegarde n’écrase rien.") from error
        finally:
            draft.unlink(missing_ok=True)

    def read_again(self, draft: Path) -> None:
        """An archive that could not be restored is told today, not the day it is needed. CommandError."""
        try:
            with tarfile.open(draft) as source:
                verify_archive(source, {"members": self.members})
        except (CommandError, tarfile.TarError, OSError) as error:
            raise CommandError(
                f"L’archive relue n’est pas celle qui a été écrite ; rien n’est gardé. {error}"
            ) from error

    def add_all(self, target: tarfile.TarFile, *, with_keys: bool) -> None:
        """The dump comes first: every file that one of its rows points at was written before the row."""
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / DUMP
            run_program("pg_dump", "--format=custom", f"--file={dump}")
            with dump.open("rb") as handle:
                self.add(target, DUMP, handle, dump.stat().st_size)
        for key in every_key():
            with default_storage.open(key, "rb") as handle:
                self.add(target, f"{FILES}{key}", handle, default_storage.size(key))
        for path in every_secret() if with_keys else ():
            source = Path(settings.DATA_DIR) / path
            with source.open("rb") as handle:
                self.add(target, f"{SECRETS}{path}", handle, source.stat().st_size)
        manifest = {"made_at": timezone.now().isoformat(), "members": self.members}
        content = json.dumps(manifest, indent=1).encode()
        target.addfile(entry(MANIFEST, len(content)), io.BytesIO(content))

    def add(self, target: tarfile.TarFile, name: str, handle: IO[bytes], size: int) -> None:
        """Adds the first ``size`` bytes as one member and remembers the SHA-256 of what was copied.

        An upload may be growing: no row of the dump points at it yet, but the archive must hold what it says it holds.
        """
        copied = HashingReader(handle)
        target.addfile(entry(name, size), copied)
        self.members[name] = copied.hexdigest()


def publish(draft: Path, archive: Path) -> None:
    """Gives the archive its name, in one step and never over another. FileExistsError. Where the disk knows no hard links
    (some shares), the name is looked at first."""
    try:
        os.link(draft, archive)
    except FileExistsError:
        raise
    except OSError:
        if archive.exists():
            raise FileExistsError(archive) from None
        draft.rename(archive)


def entry(name: str, size: int) -> tarfile.TarInfo:
    """A member that only its owner reads once extracted."""
    found = tarfile.TarInfo(name)
    found.size, found.mode = size, 0o600
    return found
