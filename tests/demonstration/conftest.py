"""The call played once for this folder, by the command a person types, on servers and files of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.embedded import Servers

ROOT = Path(__file__).resolve().parents[2]
DOSSIERS = 40


@dataclass
class Played:
    """A played base: its figures, its data directory, and ways to run commands and tamper with it."""

    figures: dict[str, Any]
    data_dir: Path
    environment: dict[str, str]
    refused: subprocess.CompletedProcess[str] | None = None  # what « verify_ledger » said before there were tables

    def manage(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs ``manage.py`` as a person would."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def superuser(self) -> psycopg.Connection:
        """A database superuser with every trigger switched off."""
        connection = psycopg.connect(self.environment["SUPERUSER_DATABASE_URL"], autocommit=True, dbname="guichet")
        connection.execute("SET session_replication_role = replica")
        return connection


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    data_dir = tmp_path_factory.mktemp("played")
    with Servers(ephemeral=True) as servers:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GUICHET_", "PYTEST"))},
            **servers.endpoints.environ(),
            "GUICHET_DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        base = Played({}, data_dir, environment)
        base.refused = base.manage("verify_ledger")
        base.figures = play(base)
        yield base


def play(base: Played) -> dict[str, Any]:
    """The figures that ``play_call`` prints, alone on its standard output."""
    run = base.manage("play_call", "--dossiers", str(DOSSIERS), "--seed", "88", "--json")
    assert run.returncode == 0, run.stderr[-3000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found
