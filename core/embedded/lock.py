"""One supervisor per data directory."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.embedded.errors import AlreadyRunning, EmbeddedError
from core.embedded.running import process_started

#: The guards of a killed supervisor keep its lock while they stop the servers.
PATIENCE_SECONDS = 60.0


def acquire(path: Path) -> int:
    """Take the lock and return its descriptor; AlreadyRunning when a living process holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            pid = _living_holder(fd)
            if pid is not None:
                os.close(fd)
                raise AlreadyRunning(str(path.parent), pid) from None
        if time.monotonic() > limit:
            os.close(fd)
            raise EmbeddedError(f"{path} est tenu par un processus inconnu (essayez « fuser {path} »).")
        time.sleep(0.05)
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps({"pid": os.getpid(), "started": process_started(os.getpid())}).encode(), 0)
    return fd


def _living_holder(fd: int) -> int | None:
    try:
        content = json.loads(os.pread(fd, 200, 0))
        pid, started = int(content["pid"]), int(content["started"])
    except (ValueError, KeyError, TypeError):
        return None  # being written
    return pid if process_started(pid) == started else None


@contextmanager
def preparation(path: Path) -> Iterator[None]:
    """Hold `path` while copying binaries or making the cache: several test workers start at once."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
