"""The guard: starts one command, and lets nothing of it outlive the process that asked for it.

Run as a script (`python -I -S guard.py STATUS_FD`), in a session of its own, so that Ctrl-C in a
terminal reaches only the program that asked. It imports the standard library alone.

- Its standard input is a lifeline. The first line is the order, in JSON (see `Order` in `children.py`).
  Later lines are "stop" (stop politely, keep the files) or "kill" (SIGKILL, as a crash would).
  The end of the lifeline means that the parent is gone, however it went, kill -9 included.
- As some other process may hold a copy of the lifeline, it also looks at its parent twice a second.
- It is the "subreaper" of its descendants: what detaches itself (each PostgreSQL backend opens a session
  of its own) falls back to the guard and is stopped as well.
- Should the guard itself be killed, the kernel sends the child `death_signal`. The request is made after
  the change of account, which would have cleared it.
- STATUS_FD receives two lines: {"pid": n} or {"error": text}, then {"exit": code}; a negative code is a signal.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
POLL_SECONDS = 0.5

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Call prctl(2); OSError when the kernel refuses."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become(order: dict[str, Any]) -> None:
    """In the child: take the account, the folder and the last wishes of the order."""
    os.setsid()
    if order["uid"] is not None:
        os.setgroups([])
        os.setgid(order["gid"])
        os.setuid(order["uid"])
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_PDEATHSIG, order["death_signal"])
    os.chdir(order["cwd"])
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def spawn(order: dict[str, Any]) -> int:
    """Start the command, hand it `order["stdin"]`, return its pid; OSError when it cannot start."""
    input_read, input_write = os.pipe()
    failure_read, failure_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(input_read, 0)
            become(order)
            os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606 (no shell is the point)
        except BaseException as error:  # nothing may run past this point in the child
            os.write(failure_write, str(error).encode())
        os._exit(127)
    os.close(input_read)
    os.close(failure_write)
    with os.fdopen(failure_read, "rb") as failure:
        reason = failure.read()
    if reason:
        os.waitpid(pid, 0)
        raise OSError(f"{order['argv'][0]}: {reason.decode()}")
    with suppress(BrokenPipeError):  # it ended without reading: its exit code will say so
        os.write(input_write, order["stdin"].encode())
    os.close(input_write)
    return pid


class Guard:
    """One command and its descendants, from start to the last one reaped."""

    def __init__(self, order: dict[str, Any], status_fd: int) -> None:
        self.order = order
        self.status_fd = status_fd
        self.parent = order["parent"]
        self.child = 0
        self.code: int | None = None
        self.asked_to_stop = False
        # The end of a child and a signal to the guard both wake `listen` through this pipe.
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGINT, self.on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True

    def tell(self, **message: Any) -> None:
        """Write one line of status; a parent that is gone no longer reads."""
        with suppress(OSError):
            os.write(self.status_fd, json.dumps(message).encode() + b"\n")

    def reap(self) -> bool:
        """Collect what has ended; False when no descendant is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.code = os.waitstatus_to_exitcode(status)

    def wait(self, seconds: float, *, everyone: bool) -> bool:
        """True once the child (or, with `everyone`, each descendant) has ended within `seconds`."""
        limit = time.monotonic() + seconds
        while True:
            left = self.reap()
            if not left or (not everyone and self.code is not None):
                return True
            if time.monotonic() >= limit:
                return False
            time.sleep(0.02)

    def stop(self, ladder: list[tuple[str, float]]) -> None:
        """Climb the ladder of (signal, seconds to wait), then SIGKILL whatever is still there."""
        for name, seconds in ladder:
            if self.code is None:
                signal_quietly(self.child, signal.Signals[name])
            if self.wait(seconds, everyone=False):
                break
        if self.code is not None and self.wait(1.0, everyone=True):
            return
        while self.reap():
            for pid in descendants(os.getpid()):
                signal_quietly(pid, signal.SIGKILL)
            time.sleep(0.02)

    def listen(self) -> str:
        """Block until something must be done: "stop", "abandoned" or "ended"."""
        pending = b""
        while True:
            self.reap()
            if self.code is not None:
                return "ended"
            if self.asked_to_stop:
                return "stop"
            if os.getppid() != self.parent:
                return "abandoned"
            ready = select.select([0, self.wake_read], [], [], POLL_SECONDS)[0]
            if self.wake_read in ready:
                os.read(self.wake_read, 4096)
            if 0 not in ready:
                continue
            received = os.read(0, 4096)
            if not received:
                return "abandoned"
            *lines, pending = (pending + received).split(b"\n")
            if b"kill" in lines:
                signal_quietly(self.child, signal.SIGKILL)
            if b"stop" in lines:
                return "stop"

    def clean(self) -> None:
        """Remove what the parent would have removed, then the folders that this leaves empty."""
        for path in self.order["remove"]:
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.unlink(path)
        for path in self.order["remove_if_empty"]:
            with suppress(OSError):
                os.rmdir(path)

    def run(self) -> None:
        """From the order to the last descendant."""
        try:
            self.child = spawn(self.order)
        except OSError as error:
            self.tell(error=str(error))
            return
        self.tell(pid=self.child)
        reason = self.listen()
        self.stop(self.order["abandon"] if reason == "abandoned" else self.order["stop"])
        if reason == "abandoned":
            self.clean()
        self.tell(exit=self.code)


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def descendants(root: int) -> list[int]:
    """Pids of every process below `root`, read from /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def read_line(fd: int) -> bytes:
    """One line of the lifeline, byte by byte: what follows belongs to `listen`."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            return b""
        line += byte
    return bytes(line)


def main() -> None:
    """Read the order and carry it out."""
    status_fd = int(sys.argv[1])
    os.set_inheritable(status_fd, False)
    line = read_line(0)
    if not line:
        return
    order = json.loads(line)
    # The lock of the data directory travels with the guards, not with the servers: it is free again only
    # when the last guard has finished, even after the parent was killed.
    for fd in order["keep_fds"]:
        os.set_inheritable(fd, False)
    guard = Guard(order, status_fd)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard.run()


if __name__ == "__main__":
    main()
