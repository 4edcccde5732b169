"""One Redis server, for Celery: password, unix socket alone, nothing evicted, every write kept."""

import signal
import socket
from pathlib import Path
from urllib.parse import quote

from core.embedded.account import Account
from core.embedded.binaries import Binaries
from core.embedded.children import Child, Order, Remains, clean_environment, wait_until

STOP = (("SIGTERM", 10.0),)
ABANDON = (("SIGTERM", 2.0),)


class Redis:
    """The server. `start`, `stop` and `kill9` may follow one another; URLs and content stay the same."""

    def __init__(
        self,
        *,
        data: Path,
        socket_dir: Path,
        log: Path,
        binaries: Binaries,
        account: Account | None,
        password: str,
        ephemeral: bool,
        remains: Remains,
    ) -> None:
        self.data = data
        self.socket = socket_dir / "redis.sock"
        self.log = log
        self.binaries = binaries
        self.account = account
        self.password = password
        self.ephemeral = ephemeral
        self.remains = remains
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://:{self.password}@{quote(str(self.socket), safe='/')}?db=0"

    @property
    def broker_url(self) -> str:
        """For Celery. The password must stand before the path: as a parameter, kombu loses it."""
        return f"redis+socket://:{self.password}@{quote(str(self.socket), safe='/')}?virtual_host=0"

    def configuration(self) -> str:
        """Handed over on standard input, so that the password is neither in a file nor in the process list."""
        lines = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "requirepass": self.password,
            "dir": f'"{self.data}"',
            "daemonize": "no",
            "databases": "16",
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "no" if self.ephemeral else "everysec",
            "maxmemory": "512mb",
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def start(self) -> None:
        """Return once it answers; EmbeddedError with the end of its log otherwise."""
        order = Order(
            argv=[str(self.binaries.redis_server), "-"],
            env=clean_environment(),
            stop=STOP,
            abandon=ABANDON,
            stdin=self.configuration(),
            account=self.account,
            death_signal=signal.SIGTERM,
            remains=self.remains,
        )
        with self.log.open("ab") as output:
            self.child = Child("Redis", order, output)
        wait_until(self.is_ready, seconds=60, child=self.child, log=self.log)

    def is_ready(self) -> bool:
        """True when it has read its data and answers PING to our password."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.socket))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while received := connection.recv(4096):
                    answer += received
            except OSError:
                return False
        return b"+PONG" in answer

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def kill9(self) -> None:
        """End the server without warning, as a crash would."""
        if self.child is not None:
            self.child.kill9()
            self.child = None
