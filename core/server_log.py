"""Gunicorn's own messages in the site's JSON (``gunicorn --logger-class core.server_log.JsonLogger``)."""

from typing import Any

from gunicorn.glogging import Logger

from core.logs import json_formatter


class JsonLogger(Logger):
    """As gunicorn's, one JSON object a line."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn with its configuration, again when it reopens its logs."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(json_formatter())
