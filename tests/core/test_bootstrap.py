"""`scripts/bootstrap.sh` and the Makefile, run in small clones with few programs in reach."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    "bash",
    "basename",
    "cat",
    "cut",
    "dirname",
    "env",
    "grep",
    "id",
    "mktemp",
    "rm",
    "sed",
    "sha256sum",
    "tail",
    "tee",
)

# What the tests need beyond what running needs.
TEST_PROGRAMS = ("chromium", "pdfsig", "openssl", "softhsm2-util", "certutil")


@pytest.fixture
def clone() -> Iterator[Path]:
    """A folder that everybody can reach, with the script and small requirements."""
    folder = Path(tempfile.mkdtemp(prefix="guichet-clone-"))
    folder.chmod(0o777)
    for name in ("scripts", "requirements"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap.sh", folder / "scripts")
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("base", "dev"):
        (folder / "requirements" / f"{name}.txt").write_text("")
    yield folder
    shutil.rmtree(folder)


def system_python() -> str:
    """A Python that any account may run."""
    return next(path for path in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable) if Path(path).exists())


def tools(folder: Path, *more: str) -> str:
    """A PATH with the ordinary commands, a Python, and of the rest only `more`."""
    folder.mkdir()
    folder.chmod(0o755)
    for name in (*TOOLS, *more):
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(system_python())
    return str(folder)


def bootstrap(
    clone: Path, *arguments: str, path: str, ordinary: bool = False, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the script, as an ordinary account when asked."""
    identity: dict[str, Any] = {}
    if ordinary and os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return subprocess.run(
        [str(clone / "scripts" / "bootstrap.sh"), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": path, "HOME": str(clone), "PIP_CONFIG_FILE": os.devnull, **env},
        cwd="/",
        check=False,
        **identity,
    )


def test_ordinary_account_gets_the_exact_command(clone: Path) -> None:
    result = bootstrap(clone, "test", path=tools(clone / "bin"), ordinary=True)
    assert result.returncode == 2
    assert (
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends "
        "chromium poppler-utils openssl softhsm2 libnss3-tools'"
    ) in result.stderr
    assert not (clone / ".venv").exists()


def test_root_without_apt_gets_the_command_without_sudo(clone: Path) -> None:
    result = bootstrap(clone, "test", "--print", path=tools(clone / "bin", "openssl", "certutil"))
    assert result.returncode == 2
    command = "apt-get update && apt-get install -y --no-install-recommends chromium poppler-utils softhsm2"
    assert command in result.stderr
    assert "libnss3-tools" not in result.stderr
    assert ("sudo" in result.stderr) == (os.geteuid() != 0)


def test_demonstration_needs_neither_browser_nor_poppler(clone: Path) -> None:
    result = bootstrap(clone, "demo", "--print", path=tools(clone / "bin"), ordinary=True)
    assert "→ Paquets du système : présents" in result.stdout
    assert "--require-hashes -r requirements/base.txt" in result.stdout
    assert result.returncode == 2
    assert not (clone / ".venv").exists()


def test_missing_python_is_asked_for(clone: Path) -> None:
    path = tools(clone / "bin")
    (clone / "bin" / "python3").unlink()
    (clone / "bin" / "python3").write_text("#!/bin/sh\nexit 1\n")
    (clone / "bin" / "python3").chmod(0o755)
    result = bootstrap(clone, "demo", "--print", path=path)
    assert result.returncode == 2
    assert "python3 python3-venv" in result.stderr


def test_environment_is_made_once_and_again_when_something_changed(clone: Path) -> None:
    path = tools(clone / "bin", *TEST_PROGRAMS)
    first = bootstrap(clone, "test", path=path)
    assert first.returncode == 0, first.stderr
    assert "création de .venv" in first.stdout
    assert "→ Dépendances Python : installées" in first.stdout
    again = bootstrap(clone, "test", path=path)
    assert again.stdout.splitlines() == ["→ Paquets du système : présents", "→ Environnement Python : à jour"]
    demo = bootstrap(clone, "demo", path=path)
    assert demo.stdout == again.stdout  # what the tests need holds what running needs
    (clone / "requirements" / "dev.txt").write_text("# changed\n")
    changed = bootstrap(clone, "test", path=path)
    assert "création de .venv" not in changed.stdout
    assert "→ Dépendances Python : installées" in changed.stdout
    moved = clone / "moved"  # .venv holds absolute paths
    moved.mkdir()
    for name in ("scripts", "requirements", ".venv"):
        shutil.move(clone / name, moved / name)
    elsewhere = bootstrap(moved, "test", "--print", path=path)
    assert elsewhere.returncode == 2
    assert "-m venv .venv" in elsewhere.stdout


def test_failed_installation_is_explained_and_tried_again(clone: Path) -> None:
    path = tools(clone / "bin")
    nothing = clone / "empty"
    nothing.mkdir()
    digest = "0" * 64
    (clone / "requirements" / "base.txt").write_text(f"no-such-package==1 --hash=sha256:{digest}\n")
    for _attempt in range(2):
        result = bootstrap(clone, "demo", path=path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(nothing))
        assert result.returncode == 1
        assert "no-such-package" in result.stderr
        assert "Sans accès au réseau" in result.stderr
    (clone / "requirements" / "base.txt").write_text("")
    assert bootstrap(clone, "demo", path=path).returncode == 0


def test_help_lists_every_public_target() -> None:
    result = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("setup", "demo", "test", "check", "lock", "format", "clean", "help"):
        assert f"  make {target} " in result.stdout


def test_lock_without_uv_says_so(clone: Path) -> None:
    path = tools(clone / "bin", "make")
    result = subprocess.run(
        ["make", "lock"], cwd=clone, env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "demande uv" in result.stdout


def test_locked_requirements_hold_hashes_and_no_address() -> None:
    for name in ("base", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert text.count("--hash=sha256:") >= text.count("==")
        assert "://" not in text
        assert "file:" not in text
