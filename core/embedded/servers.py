"""The two servers together: what `make demo`, `make test` and any `manage.py` command rest on.

    data directory (<clone>/.data, ours, 0700; 0711 as root)
      secrets.json   four passwords, 0600          lock       held while servers run, says by whom
      run.json       URLs of what runs, 0600       log/       postgres.log, redis.log
      postgres/      the cluster, 0700             redis/     its append-only file, 0700
      cache/         a pristine cluster for tests  home       as root only, see `account.py`

    /tmp/gx-XXXXXXXX/pg, …/redis   the sockets, each in a 0700 folder with a short name, new at each start
                                   (for a user with a session: under $XDG_RUNTIME_DIR)

Nothing listens on TCP. Every process is the child of a guard (`guard.py`) which ends it when we end,
however we end. Two supervisors never share a data directory: the second is told the pid of the first.
An ephemeral instance keeps everything in its /tmp folder, made from the cache and deleted at the end.
"""

import atexit
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from core.embedded.account import Account, home_of, make_private, open_data_dir, server_account
from core.embedded.binaries import Binaries, locate, version
from core.embedded.children import Remains, die_with_parent_if_asked, run_as
from core.embedded.errors import AlreadyRunning, EmbeddedError
from core.embedded.lock import acquire, preparation
from core.embedded.postgres_server import APP, OWNER, SOCKET, SUPERUSER, Postgres, create_cluster, reset_passwords
from core.embedded.redis_server import Redis
from core.embedded.running import FILE, Endpoints, forget_running, read_running, read_sockets, write_running
from core.embedded.secrets_file import Passwords, new_passwords, read_passwords, write_passwords

SOCKET_PATH_MAX = 107
BASE_PREFIX = "gx-"
LOG_MAX_BYTES = 5_000_000


def default_data_dir() -> Path:
    """`.data` in the clone, unless GUICHET_DATA_DIR names another folder."""
    return Path(os.environ.get("GUICHET_DATA_DIR") or Path(__file__).resolve().parents[2] / ".data")


@dataclass(frozen=True)
class _Places:
    """Where one instance keeps what."""

    base: Path
    cluster: Path
    redis: Path
    log: Path
    access_file: Path


class Servers:
    """PostgreSQL and Redis for as long as the `with` block lasts.

    `Servers()` keeps its data in `.data`; `Servers(ephemeral=True)` starts empty, forgets everything, and
    uses the data directory for its cache alone: any number may run side by side.
    EmbeddedError (in French, for the screen) when something is missing or fails to start.
    """

    def __init__(self, data_dir: Path | None = None, *, ephemeral: bool = False) -> None:
        self.data_dir = (data_dir or default_data_dir()).resolve()
        self.ephemeral = ephemeral
        self._account: Account | None = None
        self._lock: int | None = None
        self._base: Path | None = None
        self._supervisor = 0
        self._postgres: Postgres | None = None
        self._redis: Redis | None = None
        self._endpoints: Endpoints | None = None

    # -- life ------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start both and return once both answer. AlreadyRunning when another process runs this directory."""
        if self._supervisor:
            raise EmbeddedError("Ces serveurs sont déjà démarrés.")
        die_with_parent_if_asked()
        self._supervisor = os.getpid()
        self._account = server_account()
        open_data_dir(self.data_dir, self._account)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        if not self.ephemeral:
            self._lock = acquire(self.data_dir / "lock")
            self._sweep()
        with preparation(self.data_dir / "preparation.lock"):
            home = home_of(self.data_dir, self._account)
            binaries = locate(home, self._account)
            self._base = _make_base(self._account, ephemeral=self.ephemeral)
            if self.ephemeral:
                places, passwords = self._from_cache(home, binaries)
            else:
                places, passwords = self._from_data_dir(home, binaries)
        for path in (self._base / "pg", self._base / "redis", places.redis):
            make_private(path, self._account)
        postgres, redis = self._assemble(places, passwords, binaries)
        self._postgres, self._redis = postgres, redis
        postgres.start()
        redis.start()
        self._endpoints = Endpoints(
            database_url=postgres.url(APP, passwords.app),
            owner_database_url=postgres.url(OWNER, passwords.owner),
            superuser_database_url=postgres.url(SUPERUSER, passwords.superuser),
            redis_url=redis.url,
            broker_url=redis.broker_url,
            pg_bin=str(binaries.pg_bin),
            pid=os.getpid(),
        )
        if not self.ephemeral:
            write_running(self.data_dir, self._endpoints, [str(postgres.socket), str(redis.socket)])

    def stop(self) -> None:
        """Stop both and remove what was temporary. Harmless twice, and in a forked copy of the supervisor."""
        if self._supervisor != os.getpid():
            return
        try:
            if self._redis is not None:
                self._redis.stop()
            if self._postgres is not None:
                self._postgres.stop()
        finally:
            if self._base is not None:
                shutil.rmtree(self._base, ignore_errors=True)
                self._base = None
            if self._lock is not None:
                forget_running(self.data_dir)
                os.close(self._lock)
                self._lock = None
            self._supervisor = 0
            self._postgres = self._redis = self._endpoints = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- what others use -------------------------------------------------------------------------------

    @property
    def endpoints(self) -> Endpoints:
        """Every URL at once; EmbeddedError before `start`."""
        if self._endpoints is None:
            raise EmbeddedError("Les serveurs ne sont pas démarrés.")
        return self._endpoints

    @property
    def database_url(self) -> str:
        """As `guichet_app`, which serves."""
        return self.endpoints.database_url

    @property
    def owner_database_url(self) -> str:
        """As `guichet_owner`, which migrates and may create test databases."""
        return self.endpoints.owner_database_url

    @property
    def superuser_database_url(self) -> str:
        """As `postgres`."""
        return self.endpoints.superuser_database_url

    @property
    def redis_url(self) -> str:
        """For redis-py."""
        return self.endpoints.redis_url

    @property
    def broker_url(self) -> str:
        """For Celery."""
        return self.endpoints.broker_url

    @property
    def pg_bin(self) -> Path:
        """The folder of pg_dump, pg_restore and psql, of the same version as the server."""
        return Path(self.endpoints.pg_bin)

    @property
    def postgres(self) -> Postgres:
        """The server itself: `stop`, `kill9`, `start`; its URLs do not change."""
        if self._postgres is None:
            raise EmbeddedError("Les serveurs ne sont pas démarrés.")
        return self._postgres

    @property
    def redis(self) -> Redis:
        """The server itself: `stop`, `kill9`, `start`; its URLs do not change."""
        if self._redis is None:
            raise EmbeddedError("Les serveurs ne sont pas démarrés.")
        return self._redis

    # -- preparation -----------------------------------------------------------------------------------

    def _assemble(self, places: _Places, passwords: Passwords, binaries: Binaries) -> tuple[Postgres, Redis]:
        """The two servers, not started. Each guard removes its own folders, the last one their parent."""
        parents = (str(places.base),)
        keep_fds = () if self._lock is None else (self._lock,)
        mine = {
            "pg": [
                places.base / "pg",
                places.access_file,
                *([places.cluster, places.log] if self.ephemeral else []),
            ],
            "redis": [places.base / "redis", *([places.redis] if self.ephemeral else [])],
        }
        remains = {name: Remains([str(path) for path in paths], parents, keep_fds) for name, paths in mine.items()}
        postgres = Postgres(
            cluster=places.cluster,
            socket_dir=places.base / "pg",
            access_file=places.access_file,
            log=places.log / "postgres.log",
            binaries=binaries,
            account=self._account,
            ephemeral=self.ephemeral,
            remains=remains["pg"],
        )
        redis = Redis(
            data=places.redis,
            socket_dir=places.base / "redis",
            log=places.log / "redis.log",
            binaries=binaries,
            account=self._account,
            password=passwords.redis,
            ephemeral=self.ephemeral,
            remains=remains["redis"],
        )
        return postgres, redis

    def _from_data_dir(self, home: Path, binaries: Binaries) -> tuple[_Places, Passwords]:
        """The lasting cluster, made at the first start."""
        assert self._base is not None
        places = _Places(
            base=self._base,
            cluster=home / "postgres",
            redis=home / "redis",
            log=self.data_dir / "log",
            access_file=self._base / "pg_hba.conf",
        )
        places.log.mkdir(mode=0o700, exist_ok=True)
        for name in ("postgres.log", "redis.log"):
            log = places.log / name
            if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
                log.replace(log.with_suffix(".log.1"))
        secrets_file = self.data_dir / "secrets.json"
        passwords = read_passwords(secrets_file)
        lost = passwords is None
        if passwords is None:
            passwords = new_passwords()
        if not places.cluster.exists():
            write_passwords(secrets_file, passwords)
            create_cluster(places.cluster, binaries=binaries, account=self._account, passwords=passwords)
        elif lost:
            reset_passwords(places.cluster, binaries=binaries, account=self._account, passwords=passwords)
            write_passwords(secrets_file, passwords)
        return places, passwords

    def _from_cache(self, home: Path, binaries: Binaries) -> tuple[_Places, Passwords]:
        """A copy of the pristine cluster: 0.07 s where making one takes 0.6 s."""
        assert self._base is not None
        cache = home / "cache" / f"initdb-{version()}"
        if not cache.exists():
            _make_cache(cache, binaries, self._account)
        passwords = read_passwords(cache / "secrets.json")
        if passwords is None:
            raise EmbeddedError(f"{cache} est incomplet : supprimez ce dossier.")
        places = _Places(
            base=self._base,
            cluster=self._base / "data-pg",
            redis=self._base / "data-redis",
            log=self._base / "log",
            access_file=self._base / "pg_hba.conf",
        )
        places.log.mkdir(mode=0o700)
        make_private(places.cluster, self._account)
        run_as(["/bin/cp", "-a", f"{cache}/postgres/.", f"{places.cluster}/"], account=self._account)
        return places, passwords

    def _sweep(self) -> None:
        """Remove the socket folder of a supervisor that was killed together with its guards."""
        record = self.data_dir / FILE
        if not record.exists():
            return
        former = read_sockets(record)
        for base in {Path(path).parent.parent for path in former}:
            try:
                found = base.lstat()
            except OSError:
                continue
            if base.name.startswith(BASE_PREFIX) and stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                shutil.rmtree(base, ignore_errors=True)
        record.unlink()


def _make_base(account: Account | None, *, ephemeral: bool) -> Path:
    """A new folder with a short path, ours alone (root lets the servers' account through)."""
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    # The name is short, and mkdtemp makes it unguessable and ours.
    parents = ["/tmp", tempfile.gettempdir()]  # noqa: S108
    if session and account is None and not ephemeral and _is_private(Path(session)):
        parents.insert(0, session)
    for parent in parents:
        if len(os.fsencode(f"{parent}/{BASE_PREFIX}12345678/redis/redis.sock")) > SOCKET_PATH_MAX:
            continue
        try:
            base = Path(tempfile.mkdtemp(prefix=BASE_PREFIX, dir=parent))
        except OSError:
            continue
        if account is not None:
            base.chmod(0o711)
        if len(os.fsencode(base / "pg" / SOCKET)) <= SOCKET_PATH_MAX:
            return base
        base.rmdir()
    raise EmbeddedError(f"Aucun dossier temporaire au chemin assez court parmi {', '.join(parents)}.")


def _is_private(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077 == 0


def _make_cache(cache: Path, binaries: Binaries, account: Account | None) -> None:
    """A cluster with roles and passwords, ready to be copied. The caller holds the preparation lock."""
    cache.parent.mkdir(mode=0o711, exist_ok=True)
    for former in cache.parent.glob("initdb-*"):
        shutil.rmtree(former)  # another version, or a draft that was interrupted
    mode = 0o700 if account is None else 0o711
    draft = cache.with_suffix(".draft")
    for folder in (cache.parent, draft):
        folder.mkdir(mode=mode, exist_ok=True)
        folder.chmod(mode)
    passwords = new_passwords()
    create_cluster(draft / "postgres", binaries=binaries, account=account, passwords=passwords)
    write_passwords(draft / "secrets.json", passwords)
    draft.rename(cache)


def ensure_running(data_dir: Path | None = None) -> Endpoints:
    """The running servers of this data directory; failing that, ours until this process ends.

    The process that starts them stops them when it ends, even if others came to use them meanwhile.
    """
    place = (data_dir or default_data_dir()).resolve()
    limit = time.monotonic() + 180
    while True:
        endpoints = read_running(place)
        if endpoints is not None:
            return endpoints
        servers = Servers(place)
        try:
            servers.start()
        except AlreadyRunning:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)  # the other one is starting, or stopping
            continue
        atexit.register(servers.stop)
        return servers.endpoints
