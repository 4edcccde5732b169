"""What backup and restore share: where the database answers, its programs, and every key of the file store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.core.files.storage import default_storage
from django.core.management.base import CommandError
from django.db import connections


def program(name: str) -> str:
    """Path of a PostgreSQL client program: beside the embedded server, else on the PATH."""
    beside = Path(os.environ.get("PG_BIN", "")) / name
    found = str(beside) if os.environ.get("PG_BIN") and beside.exists() else shutil.which(name)
    if found is None:
        raise CommandError(f"{name} est introuvable : installez les programmes clients de PostgreSQL.")
    return found


def address(alias: str) -> str:
    """Connection address of a configured database, for the client programs."""
    parts = connections[alias].settings_dict
    user, password = quote(str(parts["USER"]), safe=""), quote(str(parts["PASSWORD"]), safe="")
    query = {"host": parts["HOST"], "port": parts["PORT"]}
    tail = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in query.items() if value)
    return f"postgresql://{user}:{password}@/{parts['NAME']}?{tail}"


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
