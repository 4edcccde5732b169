"""The parent's side of `guard.py`: a command that cannot outlive us."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from core.embedded.account import Account
from core.embedded.errors import EmbeddedError
from core.embedded.guard import PR_SET_PDEATHSIG, prctl

GUARD = Path(__file__).with_name("guard.py")

#: Signals to send one after the other, with the seconds to wait after each; SIGKILL comes last by itself.
Ladder = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Remains:
    """What a guard looks after when the parent vanished: paths to delete, then folders to delete once empty.

    `keep_fds` (the lock of the data directory) stay open until the guard has finished.
    """

    remove: Sequence[str] = ()
    remove_if_empty: Sequence[str] = ()
    keep_fds: Sequence[int] = ()


@dataclass(frozen=True)
class Order:
    """What a guard is told: `stop` when asked to, `abandon` when the parent vanished."""

    argv: Sequence[str]
    env: Mapping[str, str]
    stop: Ladder
    abandon: Ladder
    cwd: str = "/"
    stdin: str = ""
    account: Account | None = None
    death_signal: int = signal.SIGTERM
    remains: Remains = field(default_factory=Remains)

    def line(self) -> bytes:
        """The order as the first line of the lifeline."""
        content: dict[str, Any] = {**asdict(self), "parent": os.getpid()}
        content |= content.pop("remains")
        account = content.pop("account")
        content["uid"] = account["uid"] if account else None
        content["gid"] = account["gid"] if account else None
        return json.dumps(content).encode() + b"\n"


class Child:
    """A running command behind its guard. `pid` is the command's own, not the guard's."""

    def __init__(self, name: str, order: Order, output: int | IO[bytes]) -> None:
        """Start it; EmbeddedError when it cannot be executed. `output` gets its two outputs."""
        self.name = name
        self._patience = sum(seconds for _, seconds in order.stop) + 15
        status_read, status_write = os.pipe()
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(status_write)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.defpath},
                start_new_session=True,
                pass_fds=(status_write, *order.remains.keep_fds),
            )
        finally:
            os.close(status_write)
        self._status = os.fdopen(status_read, "rb")
        self._send(order.line())
        answer = json.loads(self._status.readline() or '{"error": "pas de réponse"}')
        if "error" in answer:
            self._status.close()
            self._finish(5)
            raise EmbeddedError(f"{name} : impossible de démarrer ({answer['error']}).")
        self.pid: int = answer["pid"]

    def _send(self, line: bytes) -> None:
        stdin = self._guard.stdin
        if stdin is None or stdin.closed:
            return
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError:
            pass  # the guard has ended; waiting for it comes next

    def _finish(self, seconds: float) -> None:
        try:
            self._guard.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"{self.name} ne s'arrête pas (gardien {self._guard.pid}).") from error
        finally:
            if self._guard.stdin is not None:
                with suppress(BrokenPipeError):
                    self._guard.stdin.close()

    @property
    def guard_pid(self) -> int:
        """Pid of the guard, for messages and tests."""
        return self._guard.pid

    def fileno(self) -> int:
        """Becomes readable when the command has ended."""
        return self._status.fileno()

    def is_running(self) -> bool:
        """True until the command, its descendants and the guard have ended."""
        return self._guard.poll() is None

    def exit_code(self) -> int | None:
        """After the end: the code, or minus the signal; None when the guard itself was killed."""
        self._finish(self._patience)
        if self._status.closed:
            return self._code
        with self._status:
            line = self._status.readline()
        self._code: int | None = json.loads(line)["exit"] if line else None
        return self._code

    def stop(self) -> int | None:
        """Stop politely, then less politely; return the exit code. Harmless when already ended."""
        self._send(b"stop\n")
        return self.exit_code()

    def kill9(self) -> int | None:
        """SIGKILL the command, as a crash would, and wait for the end of its descendants."""
        self._send(b"kill\n")
        return self.exit_code()


def run_as(
    argv: Sequence[str], *, account: Account | None, stdin: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end, as `account`, in a clean environment; EmbeddedError when it fails."""
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    result = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env=clean_environment(),
        umask=0o077,
        timeout=timeout,
        check=False,
        **identity,
    )
    if result.returncode != 0:
        raise EmbeddedError(f"« {Path(argv[0]).name} » a échoué : {result.stderr.strip()[-2000:]}")
    return result


def clean_environment() -> dict[str, str]:
    """What the servers see: neither the caller's secrets nor its locale."""
    return {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/nonexistent"}


def wait_until(ready: Callable[[], bool], *, seconds: float, child: Child, log: Path) -> None:
    """Ask `ready()` every 10 ms; EmbeddedError with the end of the log when the child ends or time is up."""
    limit = time.monotonic() + seconds
    while not ready():
        if not child.is_running() or time.monotonic() > limit:
            reason = f"ne répond pas après {seconds:.0f} s" if child.is_running() else "s'est arrêté aussitôt"
            child.stop()
            raise EmbeddedError(f"{child.name} {reason}. Fin de {log} :\n{tail(log)}")
        time.sleep(0.01)


def tail(log: Path, size: int = 1500) -> str:
    """The last bytes of a log file, for an error message."""
    try:
        return log.read_bytes()[-size:].decode(errors="replace").strip()
    except OSError:
        return "(journal illisible)"


def die_with_parent_if_asked() -> None:
    """With GUICHET_DIE_WITH_PARENT=1 (set by the Makefile), receive SIGTERM when the parent, make, is killed.

    Called from the main thread. The variable is not handed on: our children have guards.
    """
    if os.environ.pop("GUICHET_DIE_WITH_PARENT", "") == "1":
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
