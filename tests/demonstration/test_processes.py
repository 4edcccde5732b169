"""The terminal of a demonstration is for the person; what its processes say goes to files."""

import stat
import sys
from pathlib import Path

from core.embedded.processes import Program
from demonstration.processes import LAST_LINES, serve

DIES = """
for number in range(30):
    print('{"event": "line", "number": %d}' % number)
raise SystemExit(3)
"""
LIVES = """
import time
print('{"event": "alive"}')
time.sleep(600)
"""


def test_process_that_dies_has_its_last_lines_shown_and_the_others_only_in_their_files(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "web.log").write_text("before\n")
    programs = [Program("web", [sys.executable, "-c", DIES]), Program("beat", [sys.executable, "-c", LIVES])]

    assert serve(programs, folder=folder, ready=lambda: False, on_ready=lambda: None) == 1

    lines = (folder / "web.log").read_text().splitlines()
    assert len(lines) == 30
    assert (folder / "web.log.1").read_text() == "before\n"
    assert stat.S_IMODE((folder / "web.log").stat().st_mode) == 0o600
    printed = capsys.readouterr().out
    assert "« web » s’est arrêté (code 3)." in printed
    assert printed.count("web  | {") == LAST_LINES
    assert lines[-1] in printed
    assert "alive" not in printed
