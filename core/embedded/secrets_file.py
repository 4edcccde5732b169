"""The passwords of one data directory, made once, kept in a file that only its owner reads."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Passwords:
    """One password per database role, one for Redis; all are safe in a URL and in SQL."""

    superuser: str
    owner: str
    app: str
    redis: str


def new_passwords() -> Passwords:
    """Four passwords of 192 bits."""
    return Passwords(*(secrets.token_urlsafe(24) for _ in range(4)))


def read_passwords(path: Path) -> Passwords | None:
    """The passwords kept in `path`, None when there is no such file."""
    try:
        return Passwords(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def write_private(path: Path, content: object) -> None:
    """Write JSON, 0600 from the first byte, replacing the file in one step."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_passwords(path: Path, passwords: Passwords) -> None:
    """Keep the passwords in `path`."""
    write_private(path, asdict(passwords))
