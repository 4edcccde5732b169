"""How other commands find the servers that run: `run.json` in the data directory, believed only when alive."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from core.embedded.secrets_file import write_private

FILE = "run.json"


@dataclass(frozen=True)
class Endpoints:
    """Where the servers answer. Every URL holds a password; all go through unix sockets.

    `database_url` is the role that serves (`guichet_app`), `owner_database_url` the one that migrates,
    `superuser_database_url` is for backups and tests. `redis_url` is for redis-py, `broker_url` the same
    place for Celery. `pg_bin` is the folder of pg_dump, pg_restore and psql. `pid` supervises.
    """

    database_url: str
    owner_database_url: str
    superuser_database_url: str
    redis_url: str
    broker_url: str
    pg_bin: str
    pid: int

    def environ(self) -> dict[str, str]:
        """The same as environment variables, for child processes."""
        return {
            "DATABASE_URL": self.database_url,
            "OWNER_DATABASE_URL": self.owner_database_url,
            "SUPERUSER_DATABASE_URL": self.superuser_database_url,
            "REDIS_URL": self.redis_url,
            "BROKER_URL": self.broker_url,
            "PG_BIN": self.pg_bin,
        }

    def serving_environ(self) -> dict[str, str | None]:
        """For `Program.env` of what faces the network: the weak role alone, the two others taken away."""
        return {**self.environ(), "OWNER_DATABASE_URL": None, "SUPERUSER_DATABASE_URL": None}


def process_started(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot; None when it is gone. Tells a reused pid apart."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()
    return None if state in (b"Z", b"X") else int(fields[18])


def answers(path: str) -> bool:
    """True when something accepts connections on the unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        try:
            connection.connect(path)
        except OSError:
            return False
    return True


def write_running(data_dir: Path, endpoints: Endpoints, sockets: list[str]) -> None:
    """Say where our servers answer (0600)."""
    content = {
        "endpoints": asdict(endpoints),
        "sockets": sockets,
        "started": process_started(os.getpid()),
    }
    write_private(data_dir / FILE, content)


def forget_running(data_dir: Path) -> None:
    """Our servers have stopped."""
    (data_dir / FILE).unlink(missing_ok=True)


def read_running(data_dir: Path) -> Endpoints | None:
    """The running servers of this data directory; None when the file is missing, unreadable or out of date."""
    try:
        content = json.loads((data_dir / FILE).read_text())
        endpoints = Endpoints(**content["endpoints"])
        started, sockets = content["started"], content["sockets"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if process_started(endpoints.pid) != started or not all(answers(path) for path in sockets):
        return None
    return endpoints


def read_sockets(record: Path) -> list[str]:
    """The sockets that a `run.json`, dead or alive, speaks of."""
    try:
        return [str(path) for path in json.loads(record.read_text())["sockets"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
