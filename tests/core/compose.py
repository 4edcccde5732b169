"""docker-compose.yml read as Compose reads it, and its services run on this machine instead of in containers.

The commands are those of the file, word for word. What a container changes is given by the environment and by small
programs put first on the PATH, which add to a server's own arguments where it listens: a unix socket.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.embedded.account import Account, make_private, server_account
from core.embedded.binaries import Binaries, locate
from core.embedded.children import Child, Order, run_as

ROOT = Path(__file__).resolve().parents[2]
SITE = ("migrate", "web", "worker", "beat")
STOP = (("SIGTERM", 20.0), ("SIGQUIT", 5.0))


def read_compose() -> dict[str, Any]:
    """The file, anchors and merges resolved."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def interpolated(text: str, given: Mapping[str, str] | None = None) -> str:
    """A value as Compose hands it on when its ``.env`` gives these variables: ``${NAME:-default}``, ``$$`` for ``$``."""
    known = given or {}
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: known.get(found[1]) or found[2], text).replace("$$", "$")


def environment_of(
    service: Mapping[str, Any], files: Mapping[str, Mapping[str, str]], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What Compose gives the container: the env files that are there, each over the one before, then ``environment``."""
    found: dict[str, str] = {}
    for file in env_files(service):
        found |= files.get(Path(file).stem, {})
    return found | {key: interpolated(str(value), given) for key, value in service.get("environment", {}).items()}


def env_files(service: Mapping[str, Any], *, required_only: bool = False) -> list[str]:
    """Names of the service's env files."""
    rows = [{"path": row} if isinstance(row, str) else row for row in service.get("env_file", [])]
    return [Path(row["path"]).name for row in rows if row.get("required", True) or not required_only]


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Deployment:
    """A deployment in a folder: secrets, servers, and the processes of the site started so far."""

    folder: Path
    data: Path
    port: int
    account: Account | None
    binaries: Binaries
    compose: dict[str, Any]
    secrets: dict[str, dict[str, str]]
    children: list[Child] = field(default_factory=list)

    @property
    def sockets(self) -> Path:
        return self.folder / "sockets"

    def service(self, name: str) -> dict[str, Any]:
        """One service of the file."""
        found: dict[str, Any] = self.compose["services"][name]
        return found

    def environment(self, name: str) -> dict[str, str]:
        """What the service's container would see; addresses lead to unix sockets."""
        service = self.service(name)
        found = {"PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:{os.defpath}", "HOME": str(self.folder)}
        found |= environment_of(service, self.secrets)
        if name in SITE:
            found |= {"GUICHET_DATA_DIR": str(self.data), "GUICHET_BIND": f"127.0.0.1:{self.port}"}
            found |= {"GUICHET_WORKERS": "2"}
            for key in ("DATABASE_URL", "OWNER_DATABASE_URL"):
                if key in found:
                    found[key] = found[key].replace("@postgres:5432/guichet", f"@/guichet?host={self.sockets}")
            found["REDIS_URL"] = re.sub(r"^redis:(.*)@redis:6379/0$", rf"unix:\1@{self.redis}?db=0", found["REDIS_URL"])
            found["BROKER_URL"] = re.sub(
                r"^redis:(.*)@redis:6379/0$", rf"redis+socket:\1@{self.redis}?virtual_host=0", found["BROKER_URL"]
            )
        else:
            found |= {"PGHOST": str(self.sockets)}
        return found

    @property
    def redis(self) -> Path:
        return self.sockets / "redis.sock"

    def run(self, name: str, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """A command in the service's environment, to its end."""
        return subprocess.run(
            [interpolated(word) for word in command],
            cwd=ROOT,
            env={**self.environment(name), **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def is_healthy(self, name: str, **more: str) -> bool:
        """What the service's own health check answers."""
        kind, *command = self.service(name)["healthcheck"]["test"]
        return self.run(name, command if kind == "CMD" else ["sh", "-c", *command], **more).returncode == 0

    def start(self, name: str, **more: str) -> Child:
        """The service's command, in the background; its two outputs go to <folder>/<name>.log."""
        environment = {**self.environment(name), **more}
        words = [interpolated(word) for word in self.service(name)["command"]]
        program = shutil.which(words[0], path=environment["PATH"])
        assert program is not None, words
        is_server = name in {"postgres", "redis"}
        order = Order(
            argv=[program, *words[1:]],
            env=environment,
            stop=(("SIGINT", 10.0),) if name == "postgres" else STOP,
            abandon=(("SIGQUIT", 3.0),),
            cwd="/" if is_server else str(ROOT),
            account=self.account if is_server else None,
            death_signal=signal.SIGQUIT,
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            child = Child(name, order, log)
        self.children.append(child)
        return child

    def log(self, name: str) -> str:
        """What the service has printed so far."""
        return (self.folder / f"{name}.log").read_text()

    def psql(self, *statements: str) -> str:
        """SQL as the superuser of the cluster; the printed answer."""
        commands = [word for statement in statements for word in ("-c", statement)]
        line = [str(self.binaries.pg_bin / "psql"), "-X", "-A", "-t", "-U", "postgres", "-d", "guichet", *commands]
        result = subprocess.run(
            line, env={"PGHOST": str(self.sockets), "PATH": os.defpath}, capture_output=True, text=True, check=True
        )
        return result.stdout.strip()


@contextmanager
def deployment(secrets: dict[str, dict[str, str]]) -> Iterator[Deployment]:
    """A folder with an empty cluster and no process; everything is ended and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gd-", dir="/tmp"))
    folder.chmod(0o755)
    account = server_account()
    binaries = locate(ROOT / ".data" if account is None else folder, account)
    found = Deployment(folder, folder / "data", free_port(), account, binaries, read_compose(), secrets)
    found.data.mkdir(mode=0o700)
    for name in ("cluster", "queue", "sockets"):
        make_private(folder / name, account)
    if account is not None:
        found.sockets.chmod(0o755)  # the site's account goes through it, as through a network
    _install_programs(found)
    _create_cluster(found)
    try:
        yield found
    finally:
        for child in reversed(found.children):
            child.stop()
        shutil.rmtree(folder)


def _install_programs(found: Deployment) -> None:
    """The programs of the images, told where to listen and where to keep their data."""
    redis_cli = found.binaries.redis_server.with_name("redis-cli")
    if not redis_cli.exists():  # the copy that another account can read holds the server alone
        redis_cli = locate(ROOT / ".data", None).redis_server.with_name("redis-cli")
    programs = {
        "postgres": [
            *(str(found.binaries.postgres), "-D", str(found.folder / "cluster"), "-c", "listen_addresses="),
            *("-c", f"unix_socket_directories={found.sockets}"),
        ],
        "redis-server": [
            *(str(found.binaries.redis_server), "--port", "0", "--unixsocket", str(found.redis)),
            *("--dir", str(found.folder / "queue")),
        ],
        "redis-cli": [str(redis_cli), "-s", str(found.redis)],
        "psql": [str(found.binaries.pg_bin / "psql")],
        "pg_isready": [str(found.binaries.pg_bin / "pg_isready")],
        "python": [sys.executable],
    }
    (found.folder / "bin").mkdir(mode=0o755)
    for name, words in programs.items():
        path = found.folder / "bin" / name
        # The loopback of a container is our socket: of two hosts, the last one counts.
        last = f" -h {shlex.quote(str(found.sockets))}" if name == "pg_isready" else ""
        path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"{last}\n')
        path.chmod(0o755)


def _create_cluster(found: Deployment) -> None:
    """As the image's entry point does: initdb with the file's arguments, then the rules of access."""
    environment = found.service("postgres")["environment"]
    cluster = found.folder / "cluster"
    arguments = shlex.split(environment["POSTGRES_INITDB_ARGS"])
    user = environment["POSTGRES_USER"]
    run_as(
        [str(found.binaries.initdb), "-D", str(cluster), "-U", user, "-A", "reject", "--no-sync", *arguments],
        account=found.account,
    )
    # The entry point works through the socket without a password; everybody else has to give theirs.
    rules = f"local all {user} trust\nlocal all all scram-sha-256\n"
    run_as(["/bin/sh", "-c", f"cat > {cluster}/pg_hba.conf"], account=found.account, stdin=rules)
