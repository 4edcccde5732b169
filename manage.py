#!/usr/bin/env python
"""Command line of the site. Without ``DATABASE_URL``, uses the embedded servers, started if need be."""

import os
import sys
from pathlib import Path

# No servers are started for these; « demo » starts them itself, to be told when they run already.
WITHOUT_SERVERS: tuple[list[str], ...] = ([], ["help"], ["demo"], ["health"], ["make_secrets"])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if not os.environ.get("DATABASE_URL") and "--help" not in sys.argv and sys.argv[1:2] not in WITHOUT_SERVERS:
        from core.embedded import ensure_running

        data_dir = Path(os.environ.get("GUICHET_DATA_DIR", Path(__file__).resolve().parent / ".data"))
        os.environ.update(ensure_running(data_dir).environ())
        if (data_dir / "demonstration.json").exists():
            # Written by « demo »: everything in this data directory is fictitious.
            os.environ.setdefault("GUICHET_DEMONSTRATION", "1")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
