"""Servers for the tests: real ones, empty, quick, gone afterwards."""

from core.embedded.servers import Servers


def start_test_servers() -> Servers:
    """Start an ephemeral PostgreSQL and Redis in about 0.3 s; the caller calls `stop`.

    Safe from several pytest workers at once. Killing pytest with -9 leaves nothing.
    """
    return Servers(ephemeral=True).start()
