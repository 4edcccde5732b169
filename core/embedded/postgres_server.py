"""One PostgreSQL cluster: made once, run in the foreground behind a guard, reached by a unix socket alone."""

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from core.embedded.account import Account, make_private
from core.embedded.binaries import POSTGRES_MAJOR, Binaries
from core.embedded.children import Child, Order, Remains, clean_environment, run_as, wait_until
from core.embedded.errors import EmbeddedError
from core.embedded.secrets_file import Passwords

DATABASE = "guichet"
SUPERUSER = "postgres"
OWNER = "guichet_owner"
APP = "guichet_app"
SOCKET = ".s.PGSQL.5432"

#: The only way in: unix socket and password.
ACCESS = "local all all scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
    "log_checkpoints": "off",
    "max_wal_size": "512MB",
}

#: A cluster that is thrown away need not survive a power cut. It must survive kill -9, which tests use: so
#: synchronous_commit stays on, and costs little without fsync.
EPHEMERAL_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
}

# "Fast" ends the transactions and writes a checkpoint; "immediate" recovers at the next start.
STOP = (("SIGINT", 30.0), ("SIGQUIT", 5.0))
ABANDON = (("SIGINT", 3.0), ("SIGQUIT", 1.0))
EPHEMERAL_STOP = (("SIGQUIT", 2.0),)


def create_cluster(target: Path, *, binaries: Binaries, account: Account | None, passwords: Passwords) -> None:
    """Make a cluster in `target` with its roles and its database; nothing is left there when it fails.

    UTF-8, sorted by code point, with Unicode upper and lower case (the built-in C.UTF-8, the same on
    every machine). The rest of the grants belongs to the migrations.
    """
    draft = target.with_name(f"{target.name}.draft")
    if draft.exists():
        shutil.rmtree(draft)
    make_private(draft, account)
    run_as(
        [
            str(binaries.initdb),
            *("-D", str(draft), "-U", SUPERUSER, "-E", "UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("-A", "reject", "--no-sync", "--no-instructions"),
        ],
        account=account,
    )
    _execute(
        draft,
        [
            f"ALTER ROLE {SUPERUSER} PASSWORD '{passwords.superuser}'",
            f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{passwords.owner}'",
            f"CREATE ROLE {APP} LOGIN PASSWORD '{passwords.app}'",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}",
        ],
        binaries=binaries,
        account=account,
    )
    draft.rename(target)


def reset_passwords(cluster: Path, *, binaries: Binaries, account: Account | None, passwords: Passwords) -> None:
    """Give the three roles of a stopped cluster these passwords (the file that kept them was lost)."""
    pairs = ((SUPERUSER, passwords.superuser), (OWNER, passwords.owner), (APP, passwords.app))
    statements = [f"ALTER ROLE {role} PASSWORD '{password}'" for role, password in pairs]
    _execute(cluster, statements, binaries=binaries, account=account)


def _execute(cluster: Path, statements: list[str], *, binaries: Binaries, account: Account | None) -> None:
    """Run SQL without a server: no socket, no password; the first error ends it. Nothing of it is logged."""
    command = [str(binaries.postgres), "--single", "-D", str(cluster)]
    for setting in ("exit_on_error=on", "log_min_error_statement=panic", "fsync=off"):
        command += ["-c", setting]
    run_as([*command, "postgres"], account=account, stdin="".join(f"{line}\n" for line in statements))


class Postgres:
    """The server. `start`, `stop` and `kill9` may follow one another; the URLs stay the same."""

    def __init__(
        self,
        *,
        cluster: Path,
        socket_dir: Path,
        access_file: Path,
        log: Path,
        binaries: Binaries,
        account: Account | None,
        ephemeral: bool,
        remains: Remains,
    ) -> None:
        self.cluster = cluster
        self.socket_dir = socket_dir
        self.access_file = access_file
        self.log = log
        self.binaries = binaries
        self.account = account
        self.ephemeral = ephemeral
        self.remains = remains
        self.child: Child | None = None

    @property
    def socket(self) -> Path:
        """The unix socket itself."""
        return self.socket_dir / SOCKET

    def url(self, role: str, password: str) -> str:
        """A libpq URL for `role` on our database."""
        return f"postgresql://{role}:{password}@/{DATABASE}?host={quote(str(self.socket_dir), safe='/')}"

    def start(self) -> None:
        """Return once it accepts connections; EmbeddedError with the end of its log otherwise."""
        self._check_version()
        self._clear_remains()
        self.access_file.write_text(ACCESS)
        self.access_file.chmod(0o644)
        settings = {**SETTINGS, **(EPHEMERAL_SETTINGS if self.ephemeral else {})}
        settings["unix_socket_directories"] = str(self.socket_dir)
        settings["hba_file"] = str(self.access_file)
        order = Order(
            argv=[
                *(str(self.binaries.postgres), "-D", str(self.cluster)),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            env=clean_environment(),
            stop=EPHEMERAL_STOP if self.ephemeral else STOP,
            abandon=EPHEMERAL_STOP if self.ephemeral else ABANDON,
            account=self.account,
            death_signal=signal.SIGQUIT,
            remains=self.remains,
        )
        with self.log.open("ab") as output:
            self.child = Child("PostgreSQL", order, output)
        wait_until(self.is_ready, seconds=120, child=self.child, log=self.log)

    def is_ready(self) -> bool:
        """True when the server's own status file says so, for this very process."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return (
            self.child is not None
            and lines[0] == str(self.child.pid)
            and len(lines) > 7
            and lines[7].strip() == "ready"
        )

    def stop(self) -> None:
        """Stop it; harmless when it does not run."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def kill9(self) -> None:
        """End the server without warning, as a crash would. `start` recovers."""
        if self.child is not None:
            self.child.kill9()
            self.child = None

    def _check_version(self) -> None:
        major = (self.cluster / "PG_VERSION").read_text().strip()
        if major != POSTGRES_MAJOR:
            raise EmbeddedError(
                f"{self.cluster} a été créé par PostgreSQL {major} et nous avons la version {POSTGRES_MAJOR} : "
                "sauvegardez avec l'ancienne version de Guichet, supprimez ce dossier, puis restaurez."
            )

    def _clear_remains(self) -> None:
        """End what a crash may have left, then drop its pid file.

        Called under the lock of the data directory, so no live supervisor owns these processes.
        PostgreSQL would refuse to start when another program has since received the recorded pid; the
        processes go first because the pid file also protects the data from a second server.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        limit = time.monotonic() + 10
        while remains := _processes_in(self.cluster):
            for pid in remains:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > limit:
                raise EmbeddedError(f"Des processus PostgreSQL restent sur {self.cluster} : {remains}.")
            time.sleep(0.02)
        pid_file.unlink(missing_ok=True)


def _processes_in(cluster: Path) -> list[int]:
    """Pids of the `postgres` programs that work in `cluster`, which is their current folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here = (entry / "cwd").readlink() == cluster and (entry / "exe").readlink().name == "postgres"
            except OSError:
                continue
            if here:
                found.append(int(entry.name))
    return found
