"""What the site reads from its environment: addresses of the servers, secrets, switches.

Without ``DATABASE_URL`` the site uses the embedded servers of this checkout: those that already run,
else (see ``manage.py``) servers started for the life of the process. Secrets are made at first run in the
data directory, readable by their owner only.
"""

import os
import secrets
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from core.embedded import read_running

BASE_DIR = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """Where this checkout keeps what is not code: secrets, stored files, embedded servers."""
    return Path(os.environ.get("GUICHET_DATA_DIR", BASE_DIR / ".data"))


def flag(name: str, default: bool = False) -> bool:
    """A yes/no environment variable; anything but 1, true, yes, on is no."""
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def listed(name: str, default: str = "") -> list[str]:
    """A comma-separated environment variable."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def secret(name: str, length: int = 64) -> str:
    """The secret called ``name``: from the environment, else made once and kept in the data directory."""
    from_environment = os.environ.get(name)
    if from_environment:
        return from_environment
    directory = data_dir()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{name.lower()}.secret"
    try:
        # O_EXCL: two processes starting together agree on the one that was first.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as handle:
        value = secrets.token_urlsafe(length)
        handle.write(value)
    return value


def server_addresses() -> dict[str, str]:
    """Addresses of PostgreSQL (application role, owner role) and Redis, from the environment or the running
    embedded servers; empty strings where nothing is known yet."""
    known = {
        "database": os.environ.get("DATABASE_URL", ""),
        "owner": os.environ.get("OWNER_DATABASE_URL", ""),
        "broker": os.environ.get("BROKER_URL", "") or os.environ.get("REDIS_URL", ""),
    }
    if known["database"]:
        known["owner"] = known["owner"] or known["database"]
        return known
    running = read_running(data_dir())
    if running is not None:
        known = {
            "database": running.database_url,
            "owner": running.owner_database_url,
            "broker": running.broker_url,
        }
    return known


def database(url: str, *, options: str, pool: bool = False) -> dict[str, Any]:
    """A Django ``DATABASES`` entry for a PostgreSQL address; READ COMMITTED is Django's and PostgreSQL's default
    and is pinned here because the ledger's guards rely on it."""
    parts = conninfo_to_dict(url or "dbname=guichet")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", "guichet"),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "") or ""),
        "CONN_MAX_AGE": 0 if pool else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "options": f"-c default_transaction_isolation=read\\ committed {options}",
            **({"pool": {"min_size": 1, "max_size": 8, "timeout": 10}} if pool else {}),
        },
    }
