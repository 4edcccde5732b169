"""`python -m core.embedded env` prints the URLs of the running servers, or says that none runs.
`python -m core.embedded run NAME=COMMAND…` starts the servers and the commands, until Ctrl-C.
`python -m core.embedded clean` deletes the data directory, unless its servers run.

The option `--data-dir` names another data directory than `.data`.
"""

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from core.embedded.account import remove_home
from core.embedded.errors import EmbeddedError
from core.embedded.lock import acquire
from core.embedded.processes import Program, supervise
from core.embedded.running import read_running
from core.embedded.servers import Servers, default_data_dir


def env(data_dir: Path) -> int:
    """Print NAME=value lines for a shell; exit code 1 when nothing runs."""
    endpoints = read_running(data_dir)
    if endpoints is None:
        print(f"Aucun serveur ne tourne sur {data_dir}.", file=sys.stderr)
        return 1
    for name, value in endpoints.environ().items():
        print(f"{name}={shlex.quote(value)}")
    return 0


def run(data_dir: Path, commands: list[str]) -> int:
    """Supervise the commands, each with the URLs in its environment."""
    with Servers(data_dir) as servers:
        programs = []
        for command in commands:
            name, separator, line = command.partition("=")
            if not separator or not shlex.split(line):
                raise EmbeddedError(f"« {command} » devrait s'écrire NOM=COMMANDE.")
            programs.append(Program(name, shlex.split(line), {**servers.endpoints.environ()}))
        return supervise(programs, on_ready=lambda: print("Serveurs prêts.", flush=True))


def clean(data_dir: Path) -> int:
    """Delete the data directory and what it holds elsewhere; AlreadyRunning while it is in use."""
    if data_dir.exists():
        lock = acquire(data_dir / "lock")
        remove_home(data_dir)
        shutil.rmtree(data_dir)
        os.close(lock)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point; errors are one French sentence."""
    parser = argparse.ArgumentParser(prog="python -m core.embedded", description="Serveurs embarqués de Guichet.")
    parser.add_argument("--data-dir", type=Path, default=default_data_dir(), help="dossier des données")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("env", help="affiche les adresses des serveurs qui tournent")
    actions.add_parser("clean", help="supprime le dossier des données")
    runner = actions.add_parser("run", help="démarre les serveurs et des commandes")
    runner.add_argument("commands", nargs="+", metavar="NOM=COMMANDE")
    options = parser.parse_args(arguments)
    data_dir = options.data_dir.resolve()
    try:
        if options.action == "env":
            return env(data_dir)
        if options.action == "clean":
            return clean(data_dir)
        return run(data_dir, options.commands)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
