"""The file kept in the repository for one vintage: JSON compressed with xz, source and licence stated inside."""

import hashlib
import json
import lzma
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


class CommuneRow(NamedTuple):
    """One commune. ``population`` in inhabitants, None where the source has none."""

    code: str
    siren: str
    name: str
    population: int | None
    departement_code: str
    region_code: str


class GroupRow(NamedTuple):
    """An EPCI, EPT, département or région with the INSEE codes of its communes."""

    kind: str
    code: str
    siren: str
    name: str
    legal_form: str
    departement_code: str
    region_code: str
    communes: list[str]


@dataclass
class Archive:
    """One vintage, ready to be loaded."""

    year: int
    source: str
    licence: str
    population_note: str
    communes: list[CommuneRow] = field(default_factory=list)
    groups: list[GroupRow] = field(default_factory=list)


def path_of(year: int, directory: Path = DATA_DIR) -> Path:
    """Where the file of a vintage is kept."""
    return directory / f"{year}.json.xz"


def available_years(directory: Path = DATA_DIR) -> list[int]:
    """The vintages that the repository ships, oldest first."""
    return sorted(int(path.name.split(".")[0]) for path in directory.glob("[0-9]*.json.xz"))


def write(archive: Archive, directory: Path = DATA_DIR) -> Path:
    """Write the file of a vintage; the same content always gives the same bytes."""
    text = json.dumps(asdict(archive), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    path = path_of(archive.year, directory)
    path.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    return path


def checksum(path: Path) -> str:
    """SHA-256 of the compressed file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> Archive:
    """The vintage kept in ``path``."""
    content = json.loads(lzma.decompress(path.read_bytes()))
    content["communes"] = [CommuneRow(*row) for row in content["communes"]]
    content["groups"] = [GroupRow(*row) for row in content["groups"]]
    return Archive(**content)
