"""Locks that outlive a transaction and die with their process."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable


@contextmanager
def exclusive(name: str, *, waits: bool = False) -> Iterator[bool]:
    """Holds ``name`` for this database session; yields False at once when somebody else holds it.

    With ``waits`` (outside any transaction), False only after the session's ``lock_timeout``.
    A lock of the session, not of a transaction: the work inside runs outside any. The server frees it when the
    process is killed, so a dead worker delays nobody. (A pooler that shares one session between transactions would
    break it; workers connect directly.)
    """
    held = _waited_for(name) if waits else _taken(name)
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 11))", [name])


def _taken(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 11))", [name])
        return bool(cursor.fetchone()[0])


def _waited_for(name: str) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 11))", [name])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True
