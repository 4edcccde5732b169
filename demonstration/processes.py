"""The processes of the site during a demonstration: their logs in files, the terminal for the person who reads it."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TextIO

from core.embedded.children import die_with_parent_if_asked
from core.embedded.processes import Printer, Program, Supervisor, describe

# What is shown of the log of a process that ended by itself.
LAST_LINES = 20


class LogPrinter(Printer):
    """Our own sentences to the terminal; the lines of each program to ``<folder>/<name>.log``, which nobody else
    reads. The log of the start before is kept beside it."""

    def __init__(self, programs: Sequence[Program], output: TextIO, folder: Path) -> None:
        super().__init__(programs, output)
        self._paths = {program.name: folder / f"{program.name}.log" for program in programs}
        self._files = {name: _open_private(path) for name, path in self._paths.items()}

    def line(self, name: str, text: str) -> None:
        """One reader a program: its file has one writer."""
        if not self._files[name].closed:
            self._files[name].write(f"{text}\n")

    def show_last_lines(self, name: str) -> None:
        """The end of a log, to the terminal."""
        lines = self._paths[name].read_text(encoding="utf-8").splitlines()
        for line in lines[-LAST_LINES:]:
            super().line(name, line)

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _open_private(path: Path) -> IO[str]:
    """A new file written line by line, 0600 from its first byte."""
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)


def serve(programs: Sequence[Program], *, folder: Path, ready: Callable[[], bool], on_ready: Callable[[], None]) -> int:
    """As ``core.embedded.processes.supervise``, with the logs in ``folder``: 0 after a signal, and 1 when a program
    ended by itself, whose last lines are then shown."""
    die_with_parent_if_asked()
    folder.mkdir(mode=0o700, exist_ok=True)
    supervisor = Supervisor(programs, sys.stdout)
    printer = supervisor.printer = LogPrinter(programs, sys.stdout, folder)
    ended = []
    try:
        supervisor.start()
        ended = supervisor.wait(ready, on_ready)
        for child in ended:
            printer.say(f"« {child.name} » s’est arrêté ({describe(child.exit_code())}).")
    finally:
        supervisor.stop()
        for child in ended:
            printer.show_last_lines(child.name)
        printer.close()
    return 1 if ended else 0
