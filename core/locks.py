"""Locks that outlive a transaction and die with their process."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def exclusive(name: str) -> Iterator[bool]:
    """Holds ``name`` for this database session; yields False at once when somebody else holds it.

    A lock of the session, not of a transaction: the work inside runs outside any. The server frees it when the
    process is killed, so a dead worker delays nobody. (A pooler that shares one session between transactions would
    break it; workers connect directly.)
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 11))", [name])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 11))", [name])
