"""What backup and restore share: the shape of the archive, PostgreSQL's programs, every key of the file store.

An archive is a tar file, read only by its owner:
  database.dump    pg_dump's custom format
  files/<key>      the file store
  secrets/<path>   what the data directory holds beside: demonstration keys and seed, key of the site
  manifest.json    SHA-256 of each of them; written last, so that an archive cut short is recognised
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import CommandError
from django.db import connections

from core.embedded import EmbeddedError
from core.embedded.binaries import POSTGRES_PACKAGE, POSTGRES_TREE, POSTGRES_WHEEL, site_of

DUMP = "database.dump"
FILES = "files/"
SECRETS = "secrets/"
MANIFEST = "manifest.json"
# The key of the site, where the environment gives none.
SITE_KEY = "guichet_secret_key.secret"
# Inside the data directory. Without the site's key nobody's second factor can be read again.
SECRET_NAMES = ("pki", SITE_KEY, "demonstration-second-factor.seed", "demonstration.json")
BLOCK = 1 << 20


def program(name: str) -> str:
    """Path of a PostgreSQL client program: beside the embedded server, in its wheel, else on the PATH."""
    folders = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    with suppress(EmbeddedError):  # the site may be installed without the wheel
        folders.append(site_of(POSTGRES_PACKAGE, POSTGRES_WHEEL) / POSTGRES_PACKAGE / POSTGRES_TREE / "bin")
    found = next((str(folder / name) for folder in folders if (folder / name).exists()), None) or shutil.which(name)
    if found is None:
        raise CommandError(f"{name} est introuvable : installez les programmes clients de PostgreSQL.")
    return found


def run_program(name: str, *arguments: str) -> None:
    """Runs a client program as the owner of the schema. The password is in its environment, not in its arguments."""
    parts = connections["owner"].settings_dict
    environment = {
        **os.environ,
        "PGHOST": str(parts["HOST"]),
        "PGPORT": str(parts["PORT"] or 5432),
        "PGUSER": str(parts["USER"]),
        "PGPASSWORD": str(parts["PASSWORD"]),
    }
    command = [program(name), *arguments, f"--dbname={parts['NAME']}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise CommandError(f"{name} a échoué : {result.stderr.strip()}")


def every_key(folder: str = "") -> Iterator[str]:
    """Each key of the file store, sorted, folder by folder."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        yield f"{folder}/{name}" if folder else name
    for child in sorted(folders):
        yield from every_key(f"{folder}/{child}" if folder else child)


def every_secret() -> Iterator[Path]:
    """Paths of the secrets in use, relative to the data directory. A key of the site that the environment has replaced is
    not one: it may have been replaced because others knew it."""
    data_dir = Path(settings.DATA_DIR)
    for name in SECRET_NAMES:
        if name == SITE_KEY and os.environ.get("GUICHET_SECRET_KEY"):
            continue
        path = data_dir / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (item.relative_to(data_dir) for item in found if item.is_file())


def digest_of(handle: IO[bytes]) -> str:
    """SHA-256 of what is left to read, block by block."""
    digest = hashlib.sha256()
    while block := handle.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


class HashingReader:
    """Reads a file once, keeping the SHA-256 of what was read."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._handle.read(size)
        self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        """SHA-256 in hexadecimal of what was read so far."""
        return self._digest.hexdigest()


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """The content of one member of the archive. CommandError when it is not there."""
    try:
        handle = archive.extractfile(name)
    except KeyError:
        handle = None
    if handle is None:
        raise CommandError(f"Sauvegarde incomplète : {name} n’y est pas. Rien n’a été restauré.")
    return handle


def is_expected(name: str) -> bool:
    """Whether a member is of those that a backup writes: nothing of an archive is put anywhere else."""
    if name == DUMP:
        return True
    folder = next((folder for folder in (FILES, SECRETS) if name.startswith(folder)), None)
    inside = Path(name.removeprefix(folder or ""))
    if folder is None or inside.is_absolute() or ".." in inside.parts or not inside.parts:
        return False
    return folder == FILES or inside.parts[0] in SECRET_NAMES


def verify_archive(archive: tarfile.TarFile, manifest: dict[str, Any]) -> None:
    """Reads the whole archive and compares each member with the manifest. CommandError at the first difference."""
    for name, expected in manifest["members"].items():
        if not is_expected(name):
            raise CommandError(f"Chemin refusé dans la sauvegarde : {name}. Rien n’a été restauré.")
        with member(archive, name) as handle:
            if digest_of(handle) != expected:
                raise CommandError(f"Sauvegarde abîmée : {name} a changé. Rien n’a été restauré.")
