"""What an anchor says of the chains: the heads of all of them, or of those alone that moved since the anchor before.

A text has one line per chain, ``name<TAB>number<TAB>hash``, sorted by code point. One that tells only what moved begins with
a line that no chain can have, for it holds no tabulation: it gives the SHA-256 of the text that would have told them all.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator

_ALL_OTHERS = re.compile(r"moved since the anchor before; all heads: sha256 ([0-9a-f]{64})\n")


def points(text: str) -> Iterator[tuple[str, int, str]]:
    """The chains that were sealed. A line that is none was written by another hand: the anchor's digest accuses it."""
    for line in text.split("\n"):
        parts = line.rsplit("\t", 2)
        if len(parts) == 3 and parts[1].isascii() and parts[1].isdigit():
            yield parts[0], int(parts[1]), parts[2]


def lines(heads: Iterable[tuple[str, int, str]]) -> dict[str, str]:
    """The line of each chain, by the name of the chain."""
    return {name: f"{name}\t{number}\t{digest}\n" for name, number, digest in heads}


def all_of(told: dict[str, str]) -> str:
    """The text that names every chain; sorted here, since a database may have another order of letters."""
    return "".join(told[name] for name in sorted(told))


def said_digest(text: str) -> str:
    """The digest of all heads that a text of what moved gives; empty for a text that tells them all."""
    found = _ALL_OTHERS.match(text)
    return found[1] if found else ""


def _digest(told: dict[str, str]) -> str:
    return hashlib.sha256(all_of(told).encode()).hexdigest()


def moved(before: dict[str, str], now: dict[str, str]) -> str:
    """The text of what moved from the heads ``before`` to those of ``now``, under the digest of the latter."""
    changed = {name: line for name, line in now.items() if before.get(name) != line}
    return f"moved since the anchor before; all heads: sha256 {_digest(now)}\n{all_of(changed)}"


class Replay:
    """All heads, as the anchors read so far leave them."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def read(self, text: str) -> bool:
        """Takes the next anchor. False when it gives the digest of other heads than these: an anchor before it is not
        what it was."""
        said = said_digest(text)
        if not said:
            self.told = lines(points(text))
            return True
        self.told |= lines(points(text))
        return _digest(self.told) == said
