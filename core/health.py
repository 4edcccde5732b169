"""Is a process of the site well? Asked each few seconds by containers, so nothing of Django is loaded here.

``python -m core.health web|worker|beat`` exits 0 when it is, else 1 and a sentence. Addresses come from the
environment, or from the embedded servers that run.
"""

import argparse
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from core.embedded import read_running

# Beat shows life each 15 seconds; four missed is trouble.
SILENCE_SECONDS = 60


class Unwell(Exception):
    """The process does not answer as it should; the message is for the operator."""


def check_web(address: str, host: str = "localhost") -> None:
    """The site answers on ``address`` (http://host:port) and reaches its database. ``host`` is an allowed name."""
    request = urllib.request.Request(f"{address}/sante/web/", headers={"Host": host})  # noqa: S310 - the operator's
    try:
        with urllib.request.urlopen(request, timeout=8):  # noqa: S310
            return
    except OSError as error:  # refused, silent, or an answer that is not 200
        raise Unwell(f"Le site ne répond pas comme il faut : {error}") from error


def check_worker(broker_url: str, *, anywhere: bool = False) -> None:
    """The worker of this machine answers through the broker; with ``anywhere``, any worker does."""
    if not broker_url:
        raise Unwell("Adresse de Redis inconnue : définissez BROKER_URL.")
    from celery import Celery
    from celery.utils.nodenames import default_nodename
    from kombu.exceptions import KombuError
    from redis.exceptions import RedisError

    app = Celery(broker=broker_url)
    app.conf.broker_transport_options = {"socket_connect_timeout": 3, "socket_timeout": 8}
    here = default_nodename(None)
    try:
        answers = app.control.ping(destination=None if anywhere else [here], timeout=5)
    except (KombuError, RedisError, OSError) as error:
        raise Unwell(f"Redis ne répond pas : {type(error).__name__}") from error
    if not answers:
        raise Unwell("Aucun worker ne répond." if anywhere else f"Le worker {here} ne répond pas.")


def check_beat(database_url: str) -> None:
    """Beat wrote its sign of life within the last minute."""
    if not database_url:
        raise Unwell("Adresse de PostgreSQL inconnue : définissez DATABASE_URL.")
    import psycopg

    question = "SELECT extract(epoch FROM now() - seen_at) FROM core_heartbeat WHERE name = 'beat'"
    try:
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            row = connection.execute(question).fetchone()
    except psycopg.Error as error:
        raise Unwell(f"La base ne répond pas : {type(error).__name__}") from error
    if row is None or row[0] > SILENCE_SECONDS:
        raise Unwell("Le planificateur n'a pas donné signe de vie depuis une minute.")


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m core.health", description="Santé d'un processus du site.")
    parser.add_argument("process", choices=["web", "worker", "beat"])
    port = os.environ.get("GUICHET_BIND", "").rpartition(":")[2] or "8000"
    parser.add_argument("--address", default=f"http://127.0.0.1:{port}", help="adresse locale du web")
    parser.add_argument("--anywhere", action="store_true", help="n'importe quel worker, pas seulement celui d'ici")
    options = parser.parse_args(arguments)
    data_dir = Path(os.environ.get("GUICHET_DATA_DIR") or Path(__file__).resolve().parents[1] / ".data")
    running = None if os.environ.get("DATABASE_URL") else read_running(data_dir)
    environment = {**os.environ, **(running.environ() if running else {})}
    try:
        if options.process == "web":
            check_web(options.address, allowed_host(environment.get("GUICHET_ALLOWED_HOSTS", "")))
        elif options.process == "worker":
            check_worker(environment.get("BROKER_URL") or environment.get("REDIS_URL", ""), anywhere=options.anywhere)
        else:
            check_beat(environment.get("DATABASE_URL", ""))
    except Unwell as error:
        print(error, file=sys.stderr)
        return 1
    print("ok")
    return 0


def allowed_host(listed: str) -> str:
    """A name that the site accepts, from its comma-separated list: « .example.org » allows example.org itself."""
    first = listed.split(",")[0].strip().lstrip(".")
    return first if first not in {"", "*"} else "localhost"


if __name__ == "__main__":
    sys.exit(main())
