"""JSON logs: ids, no e-mail address and no row. The sentence of an error stays, which may quote a value that was typed: they are
read by the operator alone."""

import logging
import re

import structlog

# An address may come with the text of an error (a mail server's refusal, a broken constraint).
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


# Longer than a number, a name or a UUID: the token of a link sent by mail.
_TOKEN = re.compile(r"/[\w:.=~-]{37,}(?=/|$)")
# What PostgreSQL adds to an error is the row itself: « Failing row contains (…) », « Key (…)=(…) ». A text of the row may
# hold lines of its own, so the detail goes as far as what Python writes after an error.
_ROW = re.compile(r"\b(?:DETAIL|CONTEXT):.*?(?=\n\nThe above exception|\n\nDuring handling|\nTraceback|\Z)", re.DOTALL)


def without_personal_data(text: str) -> str:
    """The text without e-mail addresses nor the contents of rows."""
    return _ADDRESS.sub("[adresse]", _ROW.sub("DETAIL: [ligne]", text))


def hide_personal_data(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Takes out of the texts of an event what may be of a person: addresses, and the rows that a broken constraint quotes."""
    return {name: without_personal_data(value) if isinstance(value, str) else value for name, value in event.items()}


def hide_addresses(_logger: object, _method: str, line: str) -> str:
    """Takes e-mail addresses out of a finished line, wherever they came from."""
    return _ADDRESS.sub("[adresse]", line)


def without_query(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Leaves of a request its method and path: what people type into a search, and what a link proves, do not belong in a
    log."""
    if isinstance(event.get("request"), str):
        event["request"] = _TOKEN.sub("/[jeton]", event["request"].partition("?")[0])
    return event


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]


def json_formatter() -> logging.Formatter:
    """Formatter for ``logging``: one JSON object a line, with request and task ids."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            without_query,
            hide_personal_data,
            structlog.processors.JSONRenderer(),
            # The last step receives the finished line, which the library's type does not say.
            hide_addresses,  # type: ignore[list-item]
        ],
    )


def configure_structlog() -> None:
    """Sends structlog's own events through ``logging``, so that there is one format."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *[step for step in _SHARED if not isinstance(step, structlog.stdlib.ExtraAdder)],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
