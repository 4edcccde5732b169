"""The supervisor of `make demo`: order of the ends, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.embedded.processes import Printer, Program
from tests.core.embedded_fixtures import ROOT, alive, eventually

#: Three programs: each says its name, its variable, then how it was stopped.
SCRIPT = """
import sys
from core.embedded.processes import Program, supervise
SAY = '''
import os, signal, sys, time
def stop(number, frame):
    print("stopped by", signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("colour", os.environ["COLOUR"])
if os.environ.get("END"):
    sys.exit(int(os.environ["END"]))
if os.environ.get("DETACH") and os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
while True:
    time.sleep(60)
'''
for_worker = dict(argument.split("=") for argument in sys.argv[1:])
programs = [
    Program(name, [sys.executable, "-c", SAY], {"COLOUR": name[::-1], **(for_worker if name == "worker" else {})})
    for name in ("web", "worker", "beat")
]
asked = iter([False, False, True])
code = supervise(programs, ready=lambda: next(asked), on_ready=lambda: print("ready now", flush=True))
print("all stopped", flush=True)
sys.exit(code)
"""


@contextmanager
def supervisor(*arguments: str, script: str = SCRIPT, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The script above in a process of its own, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **env},
    )
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def read_until(process: subprocess.Popen[str], *expected: str) -> str:
    """Lines printed until each of `expected` was seen."""
    assert process.stdout is not None
    text = ""
    while not all(line in text for line in expected):
        line = process.stdout.readline()
        assert line, text
        text += line
    return text


def started(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait for the three programs; return every process below."""
    read_until(process, "web    | colour", "worker | colour", "beat   | colour", "ready now")
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 6
    return family


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_all_in_order(number: signal.Signals) -> None:
    with supervisor() as process:
        family = started(process)
        process.send_signal(number)
        rest = process.communicate(timeout=20)[0]
        assert process.returncode == 0
        assert alive(family) == []
    assert re.findall(r"Arrêt de « (\w+) »", rest) == ["web", "worker", "beat"]
    for name in ("web    ", "worker ", "beat   "):
        assert f"{name}| stopped by SIGTERM" in rest
    assert rest.rstrip().endswith("all stopped")


def test_each_program_gets_its_own_environment() -> None:
    script = SCRIPT.replace('"COLOUR": name[::-1]', '"COLOUR": name[::-1], "SECRET": None')
    script = script.replace('os.environ["COLOUR"])', 'os.environ["COLOUR"], "SECRET" in os.environ)')
    with supervisor(script=script, SECRET="1") as process:
        text = read_until(process, "bew", "rekrow", "taeb")
    assert "web    | colour bew False" in text
    assert "beat   | colour taeb False" in text


@pytest.mark.parametrize("code", ["3", "0"])
def test_program_that_ends_is_named_and_stops_the_others(code: str) -> None:
    with supervisor(f"END={code}") as process:
        text = process.communicate(timeout=20)[0]
        assert process.returncode == 1
    assert f"« worker » s'est arrêté (code {code})." in text
    assert "web    | stopped by SIGTERM" in text
    assert "Arrêt de « worker »" not in text


def test_kill_9_of_the_supervisor_leaves_no_process() -> None:
    with supervisor("DETACH=1") as process:
        family = started(process)
        assert len(family) == 7
        process.kill()
        assert eventually(lambda: not alive(family), 10), alive(family)


def test_descendant_that_detached_itself_is_stopped_too() -> None:
    with supervisor("DETACH=1") as process:
        family = started(process)
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0
        assert alive(family) == []


def test_supervisor_ends_with_its_own_parent_when_asked() -> None:
    shell = f'GUICHET_DIE_WITH_PARENT=1 {sys.executable} -c "$SCRIPT" & wait'
    make = subprocess.Popen(
        ["/bin/sh", "-c", shell],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "SCRIPT": SCRIPT},
    )
    assert make.stdout is not None
    read_until(make, "web    | colour", "worker | colour", "beat   | colour", "ready now")
    family = psutil.Process(make.pid).children(recursive=True)
    make.kill()
    make.wait(10)
    ended = eventually(lambda: not alive(family), 10)
    for left in alive(family):
        left.kill()
    make.stdout.close()
    assert ended


def test_unknown_command_is_said_and_nothing_stays() -> None:
    script = SCRIPT.replace('("web", "worker", "beat")\n]', '("web",)\n] + [Program("broken", ["no-such-program"])]')
    with supervisor(script=script) as process:
        text = process.communicate(timeout=20)[0]
        assert process.returncode == 1
    assert "broken : commande introuvable (no-such-program)" in text
    assert "Arrêt de « web »" in text


def test_colours_only_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [Program("web", ["true"]), Program("worker", ["true"])]

    def printed(*, terminal: bool) -> str:
        with (tmp_path / "output").open("w+") as output:
            monkeypatch.setattr(output, "isatty", lambda: terminal, raising=False)
            Printer(programs, output).line("web", "bonjour")
            output.seek(0)
            return output.read()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert printed(terminal=False) == "web    | bonjour\n"
    assert printed(terminal=True) == "\x1b[36mweb    |\x1b[0m bonjour\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed(terminal=True) == "web    | bonjour\n"


def test_commands_run_beside_the_servers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.embedded", "--data-dir", str(tmp_path / "data")]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    show = "sh -c 'echo $DATABASE_URL; exec sleep 60'"
    with subprocess.Popen(
        [*command, "run", f"show={show}"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        line = read_until(process, "postgresql://guichet_app:")
        family = psutil.Process(process.pid).children(recursive=True)
        answer = subprocess.run([*command, "env"], capture_output=True, text=True, env=environment, check=True)
        assert line.split("| ")[1].split("\n")[0] in answer.stdout
        refused = subprocess.run([*command, "clean"], capture_output=True, text=True, env=environment, check=False)
        assert refused.returncode == 1
        assert f"processus {process.pid}" in refused.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert alive(family) == []
    nothing = subprocess.run([*command, "env"], capture_output=True, text=True, env=environment, check=False)
    assert nothing.returncode == 1
    subprocess.run([*command, "clean"], env=environment, check=True)
    assert not (tmp_path / "data").exists()
