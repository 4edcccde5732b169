"""Runs the embedded servers in a process of its own, so that a test can kill it. Standard library alone.

`python embedded_driver.py DATA_DIR MODE` prints one line of JSON once the servers answer, then waits for the end
of its input. A French sentence and exit code 1 when they cannot start. MODE is "lasting", "ephemeral", "ensure"
(what `manage.py` does) or "fork": a copy of the process, whose pid is "copy", then waits for a signal.
"""

import json
import os
import signal
import sys
from pathlib import Path

from core.embedded import EmbeddedError, Servers, ensure_running


def main() -> None:
    """Start, say where, wait."""
    # A shell that starts the tests in the background leaves Ctrl-C ignored in all that descends from it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    data_dir, mode = Path(sys.argv[1]), sys.argv[2]
    servers = Servers(data_dir, ephemeral=mode == "ephemeral")
    try:
        endpoints = ensure_running(data_dir) if mode == "ensure" else servers.start().endpoints
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    copy = os.fork() if mode == "fork" else 0
    if mode == "fork" and copy == 0:
        signal.pause()  # holds all that the parent holds, until the test ends it
    print(json.dumps({**endpoints.environ(), "pid": endpoints.pid, "copy": copy}), flush=True)
    try:
        sys.stdin.read()
    finally:
        servers.stop()


if __name__ == "__main__":
    main()
