"""Numbers without gaps: drawn under lock, in the transaction that uses them, given back if it rolls back."""

from django.db import connection


def take_number(code: str) -> int:
    """The next number of the series ``code``, from 1. Must be called inside the transaction that uses it."""
    if not connection.in_atomic_block:
        raise RuntimeError("take_number needs a transaction: outside one, a failure would leave a gap")
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_take_number(%s)", [code])
        return int(cursor.fetchone()[0])
