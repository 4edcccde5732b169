"""What a data directory remembers of its demonstration: whether the call was played to its end, and who signs in.

Everything in a data directory that holds this file is fictitious. It holds the password of the accounts, hence 0600.
"""

import json
import secrets
import string
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.embedded.secrets_file import write_private

FILE = "demonstration.json"
# Without l, which reads like 1.
LETTERS = string.ascii_lowercase.replace("l", "")


@dataclass
class Record:
    """``is_complete`` is false from the beginning of the play to its end: a play that died is recognised by it.

    ``address`` is where the site was last served; ``accounts`` are the fields of ``demonstration.today.Account``.
    ``prepared_for`` names the code, the static files and the database that the last preparation served;
    ``open_until`` is the last day (ISO) on which a visitor can file.
    """

    password: str
    is_complete: bool = False
    address: str = ""
    documents: str = ""
    prepared_for: str = ""
    open_until: str = ""
    accounts: list[dict[str, Any]] = field(default_factory=list)

    def write(self, data_dir: Path) -> None:
        """Replaces the file in one step."""
        write_private(data_dir / FILE, asdict(self))


def read_record(data_dir: Path) -> Record | None:
    """The record of this data directory; None when no demonstration was ever begun here."""
    try:
        return Record(**json.loads((data_dir / FILE).read_text()))
    except FileNotFoundError:
        return None


def new_password() -> str:
    """Four groups of four letters (72 bits), easy to copy by eye."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
