"""A small counter of tries, kept in PostgreSQL so that every process sees the same."""

import hashlib

from django.core.cache import cache


def take_try(*, name: str, limit: int, seconds: int) -> str | None:
    """Take one of ``limit`` tries, each given back after ``seconds``; None when none is left.

    A try is a row of the cache whose key is unique, so that simultaneous requests cannot share one. Call
    :func:`give_back` when the try succeeded, so that only failures count.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()
    for number in range(limit):
        key = f"accounts.try:{digest}:{number}"
        if cache.add(key, 1, timeout=seconds):
            return key
    return None


def give_back(key: str) -> None:
    """The try succeeded: it does not count."""
    cache.delete(key)
