"""What the tests of the embedded servers share: drivers in other processes, and patience without sleeping long."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("embedded_driver.py")


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask every 20 ms, for at most `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie waiting for its parent does not."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def value(url: str, query: str) -> object:
    """The only value of a one-row query."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def account_name() -> str:
    """The account that runs the servers: never root."""
    return "nobody" if os.geteuid() == 0 else psutil.Process().username()


@dataclass
class Driver:
    """A running `embedded_driver.py` and what it printed."""

    process: subprocess.Popen[str]
    addresses: dict[str, Any]

    def family(self) -> list[psutil.Process]:
        """Its guards, the servers and their children."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        """Close its input and wait."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@contextmanager
def driver(
    data_dir: Path, mode: str = "lasting", *, python: str = sys.executable, uid: int | None = None, path: Path = ROOT
) -> Iterator[Driver]:
    """Start a driver; whatever happens, nothing of it is left at the end."""
    identity: dict[str, Any] = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    script = DRIVER if uid is None else path / DRIVER.name
    process = subprocess.Popen(
        [python, str(script), str(data_dir), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": str(path), "PATH": os.defpath},
        **identity,
    )
    family: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the driver did not start"
        running = Driver(process, json.loads(line))
        family = running.family()
        yield running
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if not eventually(lambda: not alive(family), 10):
            for left in alive(family):
                left.kill()
