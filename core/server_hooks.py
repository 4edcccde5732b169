"""What the web server does between its processes when metrics are offered: each process counts in files of its own, and the
page of metrics adds them up."""

import os
import shutil
from typing import Any

from prometheus_client import multiprocess


def child_exit(server: Any, worker: Any) -> None:
    """A process has ended: what it measured of itself goes, what it counted stays."""
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """The server has ended, its folder of counters too."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
