"""PostgreSQL and Redis as children of the program that needs them.

Nothing to install and nothing to configure: the binaries come from two wheels, we run them. Read
`servers.py` for the whole picture; `guard.py` for what happens when somebody is killed.
This package imports neither Django nor any other part of Guichet.
"""

from core.embedded.errors import AlreadyRunning, EmbeddedError
from core.embedded.running import Endpoints, read_running
from core.embedded.servers import Servers, ensure_running

__all__ = ["AlreadyRunning", "EmbeddedError", "Endpoints", "Servers", "ensure_running", "read_running"]
