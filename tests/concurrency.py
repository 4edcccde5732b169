"""Two writers at the same instant, on a real database, one held until the other waits."""

import threading
from collections.abc import Callable
from time import monotonic

from django.db import connection, transaction

from core.errors import Refused

# Not pg_stat_activity, which a transaction reads once and for all.
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"


def while_uncommitted(
    first: Callable[[], object], second: Callable[[], object], meanwhile: Callable[[], object] = lambda: None
) -> list[str]:
    """Does ``first``, then ``second`` from another connection until it waits, then ``meanwhile``, then commits.

    Returns what stopped ``second``, if anything did.
    """
    stopped: list[str] = []

    def run() -> None:
        try:
            second()
        except Exception as error:
            stopped.append(error.message if isinstance(error, Refused) else repr(error))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        limit = monotonic() + 20
        with connection.cursor() as cursor:
            waiting = 0
            while thread.is_alive() and not waiting and monotonic() < limit:
                cursor.execute(BLOCKED)
                waiting = cursor.fetchone()[0]
        assert waiting, "the second act waits for the first"
        meanwhile()
    thread.join(30)
    assert not thread.is_alive()
    return stopped
