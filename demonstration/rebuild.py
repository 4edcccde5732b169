"""The database of a demonstration made anew: after a first run that died half-way (nobody could sign in before it had
ended), or when a new rule of the site refuses what an older version of the demonstration wrote."""

import os
import shutil
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo


def rebuild_database() -> None:
    """Drops the embedded database with the files that its rows point at, and makes it again, empty."""
    address = os.environ["SUPERUSER_DATABASE_URL"]
    name = str(conninfo_to_dict(address)["dbname"])
    owner, app = settings.DATABASES["owner"]["USER"], settings.DATABASES["default"]["USER"]
    connections.close_all()
    identifiers = {"name": sql.Identifier(name), "owner": sql.Identifier(owner), "app": sql.Identifier(app)}
    with psycopg.connect(make_conninfo(address, dbname="postgres"), autocommit=True) as connection:
        for statement in (
            "DROP DATABASE {name} WITH (FORCE)",
            "CREATE DATABASE {name} OWNER {owner}",
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {name} TO {app}",
        ):
            connection.execute(sql.SQL(statement).format(**identifiers))
    for folder in (settings.FILES_DIR, settings.EMAIL_FILE_PATH, Path(settings.DATA_DIR) / "play"):
        shutil.rmtree(folder, ignore_errors=True)
