"""pytest plugin, loaded before the settings: real servers and a migrated template database for the whole run.

The process that starts the run starts the servers; the workers of pytest-xdist inherit their addresses. Each worker
copies the template; a test that commits leaves an empty database behind.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.embedded import Servers
from core.embedded.testing import start_test_servers

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "guichet"
_servers: Servers | None = None
_data_dir: str | None = None


def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def database_name() -> str:
    return f"test_{worker_name()}"


def superuser(dbname: str) -> psycopg.Connection:
    """A connection as database superuser, which no part of the site ever has."""
    parts = conninfo_to_dict(os.environ["SUPERUSER_DATABASE_URL"])
    return psycopg.connect(make_conninfo(**{**parts, "dbname": dbname}), autocommit=True)


def copy_template(name: str | None = None) -> None:
    """(Re)makes this worker's database as a copy of the template; whoever is connected is put out."""
    target = sql.Identifier(name or database_name())
    with superuser("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(target))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER guichet_owner STRATEGY FILE_COPY").format(
                target, sql.Identifier(TEMPLATE)
            )
        )


# What the migrations themselves put into tables.
SEEDED = ("django_migrations", "django_content_type", "auth_permission")
_EMPTY = """
DO $$
DECLARE
    target record;
    sequence_name text;
    filled boolean;
BEGIN
    FOR target IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL (%s) LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%%I)', target.tablename) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM public.%%I', target.tablename);
        END IF;
    END LOOP;
    FOR sequence_name IN SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL
        AND sequencename <> ALL ('{django_migrations_id_seq,django_content_type_id_seq,auth_permission_id_seq}') LOOP
        EXECUTE format('ALTER SEQUENCE public.%%I RESTART', sequence_name);
    END LOOP;
END $$
"""


def empty_database() -> None:
    """Empties this worker's database as only a superuser can (triggers off); ten times quicker than a new copy.

    Where somebody still holds a row, the database is made anew.
    """
    try:
        with superuser(database_name()) as connection:
            connection.execute("SET session_replication_role = replica; SET lock_timeout = '2s'")
            connection.execute(_EMPTY.replace("%s", "'{" + ",".join(SEEDED) + "}'").replace("%%", "%"))
    except psycopg.errors.LockNotAvailable:
        copy_template()


def _schema_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    digest.update((ROOT / "requirements" / "dev.txt").read_bytes())
    return digest.hexdigest()[:16]


def _prepare_template(servers: Servers) -> None:
    """Migrates the template, or restores the dump of the same migrations made by an earlier run."""
    pg_bin = Path(servers.endpoints.pg_bin)
    cache = ROOT / ".data" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    dump = cache / f"schema-{_schema_digest()}.sql"
    environment = {**os.environ, "PATH": f"{pg_bin}:{os.environ['PATH']}"}
    address = servers.endpoints.superuser_database_url.replace("/postgres?", f"/{TEMPLATE}?")
    if not dump.exists():
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        fresh = dump.with_suffix(f".{os.getpid()}")
        subprocess.run([pg_bin / "pg_dump", "-d", address, "-f", fresh], env=environment, check=True)
        for old in cache.glob("schema-*.sql"):
            old.unlink(missing_ok=True)
        fresh.replace(dump)
        return
    subprocess.run(
        [pg_bin / "psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", address, "-f", dump],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def start() -> None:
    global _servers, _data_dir
    if os.environ.get("GUICHET_TEST_RUN"):
        return
    _data_dir = tempfile.mkdtemp(prefix="guichet-test-")
    Path(_data_dir, "static").mkdir()  # where collected static files would be; whitenoise warns without it
    _servers = start_test_servers()
    os.environ.update(_servers.endpoints.environ())
    os.environ.update(
        GUICHET_TEST_RUN=str(os.getpid()),
        GUICHET_DATA_DIR=_data_dir,
        GUICHET_SECRET_KEY="only-for-the-tests-" + "x" * 40,
    )
    _prepare_template(_servers)


start()
# Each worker publishes to its own database of Redis: a message of one is never read by another.
_number = int(worker_name().removeprefix("gw")) + 1 if worker_name().startswith("gw") else 0
os.environ["BROKER_URL"] = os.environ["BROKER_URL"].replace("virtual_host=0", f"virtual_host={_number}")
# Both roles now point at this worker's copy; it exists once the first test asks for it.
for _variable in ("DATABASE_URL", "OWNER_DATABASE_URL"):
    _parts = conninfo_to_dict(os.environ[_variable])
    os.environ[_variable] = make_conninfo(**{**_parts, "dbname": database_name()})


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if _servers is not None:
        _servers.stop()
    if _data_dir is not None:
        shutil.rmtree(_data_dir, ignore_errors=True)
