"""Is there anything to prepare? Told in a fraction of a second, so that a second start is quick."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import psycopg
from django.apps import apps
from django.contrib.staticfiles.finders import get_finders

from territories.referential import archive

# Which database this is, and what is in it: another cluster, a restored one or an unfinished migration differ.
DATABASE = """
SELECT (SELECT system_identifier FROM pg_control_system()), (SELECT count(*) FROM django_migrations),
       (SELECT string_agg(year || checksum, ',' ORDER BY year) FROM territories_vintage)
"""


def static_digest() -> str:
    """Changes when a static file is added, removed or written again."""
    lines = []
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            lines.append(f"{path}\t{found.st_size}\t{found.st_mtime_ns}")
    return _digest(lines)


def migrations_digest() -> str:
    """Changes with the set of migrations of any installed application."""
    return _digest(
        f"{config.label}/{path.name}\t{path.stat().st_size}"
        for config in apps.get_app_configs()
        for path in sorted(Path(config.path, "migrations").glob("*.py"))
    )


def preparation_stamp(database_url: str) -> str:
    """What a preparation depends on, in one word; empty when the database was never prepared."""
    try:
        with psycopg.connect(database_url, connect_timeout=10) as connection:
            row = connection.execute(DATABASE).fetchone()
    except psycopg.Error:
        return ""
    archives = [archive.checksum(archive.path_of(year)) for year in archive.available_years()]
    return _digest([str(row), *archives, migrations_digest(), static_digest()])


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
