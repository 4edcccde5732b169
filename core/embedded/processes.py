"""Several programs in one terminal: the web server, the worker and the beat of `make demo`.

Each is the child of a guard, in a session of its own, so Ctrl-C reaches us alone and we stop them in order;
kill -9 of us stops them too. A program that ends is never restarted in silence: it is said, and all stop.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from shutil import which
from types import FrameType
from typing import IO, TextIO

from core.embedded.children import Child, Ladder, Order, die_with_parent_if_asked
from core.embedded.errors import EmbeddedError

COLOURS = ("\x1b[36m", "\x1b[33m", "\x1b[35m", "\x1b[32m", "\x1b[34m")
RESET = "\x1b[0m"
READY_POLL_SECONDS = 0.1
STOP: Ladder = (("SIGTERM", 10.0), ("SIGQUIT", 3.0))
ABANDON: Ladder = (("SIGTERM", 1.5),)


@dataclass(frozen=True)
class Program:
    """One program. `env` adds to our environment, or removes from it what is None.

    `stop` is the ladder of signals, each with the seconds of patience that follow it.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str | None] = field(default_factory=dict)
    stop: Ladder = STOP


class Printer:
    """Writes whole lines from several threads, each with the name of its program."""

    def __init__(self, programs: Sequence[Program], output: TextIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._width = max((len(program.name) for program in programs), default=0)
        coloured = output.isatty() and "NO_COLOR" not in os.environ
        self._colours = {
            program.name: COLOURS[index % len(COLOURS)] if coloured else "" for index, program in enumerate(programs)
        }

    def line(self, name: str, text: str) -> None:
        """Print `text` behind the name; a terminal that is gone loses lines, not programs."""
        colour = self._colours.get(name, "")
        prefix = f"{colour}{name:<{self._width}} |{RESET if colour else ''} "
        with self._lock, suppress(OSError, ValueError):
            self._output.write(f"{prefix}{text}\n")
            self._output.flush()

    def say(self, text: str) -> None:
        """Print a message of ours."""
        with self._lock, suppress(OSError, ValueError):
            self._output.write(f"{text}\n")
            self._output.flush()


class Supervisor:
    """Runs the programs until a signal (Ctrl-C, SIGTERM, closed terminal) or the end of one of them."""

    def __init__(self, programs: Sequence[Program], output: TextIO) -> None:
        self.programs = programs
        self.printer = Printer(programs, output)
        self.children: list[Child] = []
        self._readers: list[threading.Thread] = []
        self._signalled = 0

    def start(self) -> None:
        """Start all, in order; EmbeddedError when one cannot be executed."""
        for program in self.programs:
            read_fd, write_fd = os.pipe()
            try:
                child = Child(program.name, _order(program), write_fd)
            except BaseException:
                os.close(read_fd)
                raise
            finally:
                os.close(write_fd)
            reader = threading.Thread(target=self._relay, args=(program.name, os.fdopen(read_fd, "rb")), daemon=True)
            reader.start()
            self.children.append(child)
            self._readers.append(reader)

    def _relay(self, name: str, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                self.printer.line(name, line.decode(errors="replace").rstrip())

    def wait(self, ready: Callable[[], bool] | None = None, on_ready: Callable[[], None] | None = None) -> list[Child]:
        """Return what ended by itself; nothing after a signal. `ready` is asked until it says yes, then `on_ready`."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        former_wakeup = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            return self._loop(wake_read, ready, on_ready)
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_wakeup)
            os.close(wake_read)
            os.close(wake_write)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signalled = number

    def _loop(self, wake: int, ready: Callable[[], bool] | None, on_ready: Callable[[], None] | None) -> list[Child]:
        pending = ready is not None or on_ready is not None
        while not self._signalled:
            watched = [wake, *(child.fileno() for child in self.children)]
            readable = select(watched, [], [], READY_POLL_SECONDS if pending else None)[0]
            ended = [child for child in self.children if child.fileno() in readable]
            if ended:
                return ended
            if pending and not self._signalled and (ready is None or ready()):
                pending = False
                if on_ready is not None:
                    on_ready()
        return []

    def stop(self) -> None:
        """Stop all, in order, and print their last lines. A second Ctrl-C hurries: the guards then finish."""
        for child in self.children:
            if child.is_running():
                self.printer.say(f"Arrêt de « {child.name} »…")
            child.stop()
        for reader in self._readers:
            reader.join(timeout=2)


def _order(program: Program) -> Order:
    executable = which(program.argv[0])
    if executable is None:
        raise EmbeddedError(f"{program.name} : commande introuvable ({program.argv[0]}).")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **program.env}
    return Order(
        argv=[str(Path(executable).absolute()), *program.argv[1:]],
        env={name: value for name, value in environment.items() if value is not None},
        stop=program.stop,
        abandon=ABANDON,
        cwd=str(Path.cwd()),
    )


def describe(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "son gardien a été tué"
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"code {code}"


def supervise(
    programs: Sequence[Program],
    *,
    ready: Callable[[], bool] | None = None,
    on_ready: Callable[[], None] | None = None,
    output: TextIO | None = None,
) -> int:
    """Run `programs` until Ctrl-C, SIGTERM or the end of one of them; all have ended when this returns.

    Returns 0 after a signal and 1 when a program ended by itself, to be used as exit code. Once `ready()` is
    true (asked every 0.1 s, so it must be quick), `on_ready()` runs once: the place to print addresses.
    Call it from the main thread, inside `with Servers()`, so that the servers stop last.
    """
    die_with_parent_if_asked()
    supervisor = Supervisor(programs, output or sys.stdout)
    try:
        supervisor.start()
        ended = supervisor.wait(ready, on_ready)
        for child in ended:
            supervisor.printer.say(f"« {child.name} » s'est arrêté ({describe(child.exit_code())}).")
    finally:
        supervisor.stop()
    return 1 if ended else 0


def run_to_end(program: Program) -> int | None:
    """Run one program to its end, its lines going straight to our own output, and return its exit code.

    None after Ctrl-C or SIGTERM: it has been stopped. Like `supervise`, leaves nothing behind, kill -9 included.
    """
    die_with_parent_if_asked()
    supervisor = Supervisor([], sys.stdout)
    sys.stdout.flush()
    child = Child(program.name, _order(program), sys.stdout.fileno())
    supervisor.children.append(child)
    try:
        return child.exit_code() if supervisor.wait() else None
    finally:
        child.stop()
