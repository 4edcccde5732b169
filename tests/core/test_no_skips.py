"""The guard that turns a skip into a failure where a change is judged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "skip": "import pytest\ndef test_it(): pytest.skip('no browser')\n",
    "skipif": "import pytest\n@pytest.mark.skipif(True, reason='no')\ndef test_it(): pass\n",
    "xfail": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
    "file": "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n",
    "pass": "def test_it(): pass\n",
}


def run(folder: Path, content: str, **env: str) -> subprocess.CompletedProcess[str]:
    """pytest on one file, with the guard as its only plugin of ours."""
    (folder / "test_it.py").write_text(content)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.no_skips",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["skip", "skipif", "xfail", "file"])
def test_skip_fails_in_ci_and_is_allowed_elsewhere(tmp_path: Path, kind: str) -> None:
    strict = run(tmp_path, FILES[kind], CI="true")
    assert strict.returncode not in {0, 5}, strict.stdout
    assert "nothing may be skipped" in strict.stdout
    assert run(tmp_path, FILES[kind]).returncode in {0, 5}


def test_passing_test_passes_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, FILES["pass"], CI="true").returncode == 0
