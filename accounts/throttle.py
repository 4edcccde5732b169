"""A small counter of tries, kept in PostgreSQL so that every process sees the same."""

import hashlib
import uuid
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import Try

# One statement: a try that has expired is a row still there, and of two who find it only one takes it. The library's
# cache reads such a row, then writes it, which lets everybody through.
TAKE = """
INSERT INTO accounts_try (name_sha256, number, token, expires_at) VALUES (%(name)s, %(number)s, %(token)s, %(expires_at)s)
    ON CONFLICT (name_sha256, number) DO UPDATE SET token = EXCLUDED.token, expires_at = EXCLUDED.expires_at
    WHERE accounts_try.expires_at <= %(now)s
    RETURNING token
"""


def take_try(*, name: str, limit: int, seconds: int) -> str | None:
    """Take one of ``limit`` tries, each given back after ``seconds``; None when none is left.

    A try is a row whose key is unique, so that simultaneous requests cannot share one. Call :func:`give_back` when the
    try succeeded, so that only failures count.
    """
    now = timezone.now()
    token = str(uuid.uuid4())
    row: dict[str, str | int | datetime] = {
        "name": hashlib.sha256(name.encode()).hexdigest(),
        "token": token,
        "expires_at": now + timedelta(seconds=seconds),
        "now": now,
    }
    with connection.cursor() as cursor:
        for number in range(limit):
            cursor.execute(TAKE, row | {"number": number})
            if cursor.fetchone() is not None:
                return token
    return None


def give_back(token: str) -> None:
    """The try succeeded: it does not count. Nothing happens when somebody has taken its place since."""
    Try.objects.filter(token=token).delete()
