"""A child process with limits, fed with frames over its standard input and output.

Reading hostile bytes and laying out pages both happen in such a child: it inherits no
socket and no secret of the environment, its memory and its time are bounded, and it may be
killed at any moment without harm to the caller. It stays warm between two jobs, because
importing the libraries costs more than most jobs.

A frame is a length (4 bytes, big endian), a JSON header and the blobs whose sizes the header
announces under ``sizes``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

Frame = tuple[dict[str, Any], list[bytes]]

PROJECT_ROOT = Path(__file__).resolve().parents[2]
MAX_HEADER = 1 << 20
MAX_BLOB = 256 << 20
# What a child may know of our environment: nothing that carries an address or a secret.
KEPT_VARIABLES = ("PATH", "HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "XDG_DATA_DIRS")


class ProcessError(Exception):
    """The child refused the job, or died of it."""


class ProcessDied(ProcessError):
    """The child ended before it answered."""


class ProcessTimeout(ProcessError):
    """The job did not end in time; the child was killed."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a child: memory in bytes, files it may write in bytes, idle life in seconds."""

    memory: int = 1 << 30
    file_size: int = 64 << 20
    open_files: int = 256
    idle_seconds: float = 300.0


def encode_frame(header: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Return the bytes of one frame; ``header`` must be serialisable as JSON."""
    head = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return struct.pack(">I", len(head)) + head + b"".join(blobs)


def read_frame(read: Callable[[int], bytes]) -> Frame:
    """Read one frame with ``read(n)``, which returns exactly n bytes; ValueError if malformed."""
    (length,) = struct.unpack(">I", read(4))
    if length > MAX_HEADER:
        raise ValueError("frame header too long")
    header = json.loads(read(length))
    sizes = header.pop("sizes")
    if any(size < 0 or size > MAX_BLOB for size in sizes):
        raise ValueError("frame blob too long")
    return header, [read(size) for size in sizes]


_workers: weakref.WeakSet[LimitedProcess] = weakref.WeakSet()


class LimitedProcess:
    """One warm child running ``python -m module``, restarted after ``recycle_after`` jobs.

    Safe to share between threads (jobs queue up) and across ``fork`` (each process starts
    its own child).
    """

    def __init__(
        self,
        module: str,
        *,
        limits: Limits | None = None,
        recycle_after: int = 200,
    ) -> None:
        self.module = module
        self.limits = limits or Limits()
        self.recycle_after = recycle_after
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._jobs = 0
        _workers.add(self)

    @property
    def pid(self) -> int | None:
        """Process id of the child, None when it is not running."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def call(self, header: dict[str, Any], blobs: Sequence[bytes], *, timeout: float) -> Frame:
        """Run one job and return its answer.

        ``timeout`` in seconds counts from this call, waiting for the child included.
        Raises ProcessTimeout, or ProcessError with the child's own message.
        """
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=timeout):
            raise ProcessTimeout(f"{self.module}: busy for {timeout:g} s")
        try:
            return self._call_locked(encode_frame({**header, "timeout": timeout}, blobs), deadline)
        finally:
            self._lock.release()

    def _call_locked(self, frame: bytes, deadline: float) -> Frame:
        if self.pid is None or self._jobs >= self.recycle_after:
            self._start()
        was_warm = self._jobs > 0
        try:
            try:
                answer, blobs = self._exchange(frame, deadline)
            except (BrokenPipeError, ProcessDied):
                if not was_warm:
                    raise
                # It may have left between two jobs, idle for too long or killed: once more, and
                # a fresh child that dies of this job is the job's fault.
                self._start()
                answer, blobs = self._exchange(frame, deadline)
        except BaseException as error:
            self._stop()
            if isinstance(error, ProcessError) or not isinstance(error, Exception):
                raise
            raise ProcessError(f"{self.module}: {error}") from error
        self._jobs += 1
        if "error" in answer:
            raise ProcessError(str(answer["error"]))
        return answer, blobs

    def _exchange(self, frame: bytes, deadline: float) -> Frame:
        self._write(frame, deadline)
        return read_frame(lambda size: self._read(size, deadline))

    def _start(self) -> None:
        self._stop()
        self._directory = tempfile.TemporaryDirectory(prefix="guichet-")
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": self._directory.name,
            "XDG_CACHE_HOME": self._directory.name,
        }
        limits = self.limits
        self._child = subprocess.Popen(
            [
                *(sys.executable, "-m", self.module),
                *(str(limits.memory), str(limits.file_size)),
                *(str(limits.open_files), str(limits.idle_seconds)),
            ],
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
        )
        for stream in (self._child.stdin, self._child.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        self._jobs = 0

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._child
        assert self._child.stdin
        descriptor = self._child.stdin.fileno()
        view = memoryview(data)
        while view:
            self._wait(descriptor, deadline, write=True)
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(descriptor, view[: 1 << 16]) :]

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._child
        assert self._child.stdout
        descriptor = self._child.stdout.fileno()
        parts = bytearray()
        while len(parts) < size:
            self._wait(descriptor, deadline, write=False)
            try:
                part = os.read(descriptor, min(size - len(parts), 1 << 16))
            except BlockingIOError:
                continue
            if not part:
                raise ProcessDied(f"{self.module}: the process died ({self._exit_code()})")
            parts += part
        return bytes(parts)

    def _wait(self, descriptor: int, deadline: float, *, write: bool) -> None:
        remaining = deadline - time.monotonic()
        poller = select.poll()
        poller.register(descriptor, select.POLLOUT if write else select.POLLIN)
        if remaining <= 0 or not poller.poll(remaining * 1000):
            raise ProcessTimeout(f"{self.module}: no answer in time")

    def _exit_code(self) -> str:
        assert self._child
        try:
            code = self._child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "still there"
        return signal.Signals(-code).name if code < 0 else f"exit {code}"

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            _close_pipes(child)
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def close(self) -> None:
        """Kill the child; the next call starts another."""
        with self._lock:
            self._stop()

    def _forget_after_fork(self) -> None:
        # The child process belongs to our parent: only our copies of its pipes are closed.
        child, self._child = self._child, None
        self._lock = threading.Lock()
        self._jobs = 0
        if child is not None:
            _close_pipes(child)
            child.returncode = 0
        if self._directory is not None:
            # Our parent removes it; the finalizer here must not.
            self._directory._finalizer.detach()  # type: ignore[attr-defined]
            self._directory = None


def _close_pipes(child: subprocess.Popen[bytes]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _forget_all() -> None:
    for worker in list(_workers):
        worker._forget_after_fork()


def _close_all() -> None:
    for worker in list(_workers):
        worker._stop()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)


# The child's side -----------------------------------------------------------------------


def serve(handle: Callable[[dict[str, Any], list[bytes]], Frame]) -> None:
    """Main loop of a child: bound ourselves, then answer jobs until the input ends.

    An exception of ``handle`` becomes an answer ``{"error": …}``.
    """
    memory, file_size, open_files = (int(value) for value in sys.argv[1:4])
    idle_seconds = float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _forbid_network_and_programs()
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not enter the stream of answers.
    os.dup2(2, 1)
    while select.select([source], [], [], idle_seconds)[0]:
        try:
            header, blobs = read_frame(lambda size: _read_exactly(source, size))
        except EOFError:
            return
        _bound_job(float(header.pop("timeout")))
        try:
            answer = encode_frame(*handle(header, blobs))
        except MemoryError:
            answer = encode_frame({"error": "MemoryError: not enough memory"})
        except Exception as error:
            answer = encode_frame({"error": f"{type(error).__name__}: {error}"[:2000]})
        signal.setitimer(signal.ITIMER_REAL, 0)
        target.write(answer)
        target.flush()


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _bound_job(timeout: float) -> None:
    """Die by ourselves, should the parent be gone when the time is over."""
    signal.setitimer(signal.ITIMER_REAL, timeout + 5)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + timeout) + 5, hard))


FORBIDDEN_EVENTS = frozenset(
    (
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.getaddrinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
    )
)


def _forbid_network_and_programs() -> None:
    """Second barrier: no connection and no program, whatever the library tries in Python."""

    def audit(event: str, _arguments: tuple[Any, ...]) -> None:
        if event in FORBIDDEN_EVENTS:
            raise PermissionError(f"{event} is forbidden here")

    sys.addaudithook(audit)
