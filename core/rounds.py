"""Rounds of periodic tasks over many rows: one that breaks keeps back none of the others."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

logger = logging.getLogger(__name__)

Key = TypeVar("Key")


def each_apart(name: str, keys: Iterable[Key], act: Callable[[Key], None]) -> int:
    """Runs ``act`` on each key, and returns how many there were. ``keys`` are read whole first.

    What one raises is logged with its key, and the round goes on; raises RuntimeError at the end where any failed, so
    that the task is seen to fail. ``act`` opens its own transaction.
    """
    listed = list(keys)
    failed = 0
    for key in listed:
        try:
            act(key)
        except Exception:
            failed += 1
            logger.exception("round_failed", extra={"round": name, "key": str(key)})
    if failed:
        raise RuntimeError(f"{name}: {failed} of {len(listed)} failed")
    return len(listed)
