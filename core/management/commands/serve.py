"""``manage.py serve web|worker|beat``: one process of the site, the same in demonstration and deployment."""

import os
import sys
import tempfile
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

DEFAULT_BIND = os.environ.get("GUICHET_BIND", "0.0.0.0:8000")


def command_line(process: str, *, bind: str = DEFAULT_BIND, workers: int | None = None) -> list[str]:
    """The program that runs this process. ``workers``: processes of the web or of the worker (default: from cores)."""
    count = workers or int(os.environ.get("GUICHET_WORKERS", 0)) or max(2, (os.cpu_count() or 2))
    python = [sys.executable, "-m"]
    if process == "web":
        return [
            *python,
            "gunicorn",
            "config.wsgi:application",
            f"--bind={bind}",
            f"--workers={count}",
            "--worker-class=gthread",
            "--threads=4",
            # Loaded once, then copied: the processes start together and share their memory.
            "--preload",
            "--timeout=60",
            "--max-requests=2000",
            "--max-requests-jitter=200",
            "--access-logfile=/dev/null",
            "--logger-class=core.server_log.JsonLogger",
            "--no-control-socket",
            # On a disk, a slow write would look like a process that hangs.
            *(["--worker-tmp-dir=/dev/shm"] if os.path.isdir("/dev/shm") else []),  # noqa: S108
        ]
    if process == "worker":
        return [
            *python,
            "celery",
            "--quiet",
            "--app=config",
            "worker",
            f"--concurrency={count}",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
        ]
    # No pid file: the supervisor or the container knows its process, and a stale file would refuse the next start.
    return [
        *python,
        "celery",
        "--quiet",
        "--app=config",
        "beat",
        "--loglevel=WARNING",
        "--scheduler=core.beat:LivingScheduler",
        "--pidfile=",
    ]


class Command(BaseCommand):
    help = "Lance un des processus du site : web, worker ou beat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("process", choices=["web", "worker", "beat"])
        parser.add_argument("--bind", default=DEFAULT_BIND, help="adresse d’écoute du web")
        parser.add_argument("--workers", type=int, help="nombre de processus")

    def handle(self, *args: Any, **options: Any) -> None:
        line = command_line(options["process"], bind=options["bind"], workers=options["workers"])
        environment = {**os.environ, "GUICHET_PROCESS": options["process"]}
        if settings.EXPOSE_METRICS and options["process"] == "web":
            # Before the first metric is made: the server's processes then count together.
            environment["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="guichet-metrics-")
            line.append("--config=python:core.server_hooks")
        # The process becomes the server: signals of the supervisor reach it directly.
        os.execve(line[0], line, environment)  # noqa: S606 - our own command line, and no shell is wanted
