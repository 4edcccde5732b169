"""What the site writes in its logs: JSON, ids, and nothing of a person."""

import json
import logging
import uuid

import structlog
from django.core import signing

from core.logs import configure_structlog, json_formatter


def written(name: str, level: int, message: object, **extra: object) -> dict[str, object]:
    """One event as the web process writes it."""
    record = logging.LogRecord(name, level, __file__, 1, message, (), extra.pop("exc_info", None))
    record.__dict__.update(extra)
    found: dict[str, object] = json.loads(json_formatter().format(record))
    return found


def test_event_is_one_json_object_with_its_level_and_name() -> None:
    event = written("guichet.outbox", logging.WARNING, "outbox_delivery_failed", message_id="12")
    assert (event["event"], event["level"], event["logger"]) == ("outbox_delivery_failed", "warning", "guichet.outbox")
    assert event["message_id"] == "12"


def test_address_in_message_extra_or_traceback_is_hidden() -> None:
    try:
        raise ValueError("550 refused: {'marie.durand+test@mairie-exemple.fr': 'unknown'}")
    except ValueError as error:
        failure = (ValueError, error, error.__traceback__)
    event = written("guichet", logging.ERROR, "no mail to jean@ville.example", to=["a@b.example"], exc_info=failure)
    text = json.dumps(event)
    assert "@" not in text
    assert text.count("[adresse]") == 4  # message, list, and the traceback with its source
    assert "ValueError" in text


def test_request_keeps_its_path_and_loses_what_was_typed() -> None:
    configure_structlog()
    logger = structlog.get_logger("guichet.request")
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("guichet.request").addHandler(handler)
    try:
        logger.warning("request_finished", request="GET /dossiers/?q=Durand&page=2", code=404)
    finally:
        logging.getLogger("guichet.request").removeHandler(handler)
    event = json.loads(json_formatter().format(records[0]))
    assert event["request"] == "GET /dossiers/"
    assert event["code"] == 404


def test_request_loses_the_token_of_a_link_and_keeps_the_key_of_a_dossier() -> None:
    token = signing.dumps({"recovery": 1}, salt="recovery")
    key = str(uuid.uuid4())
    for path, kept in (
        (f"/compte/perte/annulation/{token}/", "/[jeton]/"),
        (f"/dossiers/{key}/pieces/", f"/{key}/pieces/"),
    ):
        event = written("guichet", logging.INFO, "request_finished", request=f"GET {path}")
        assert str(event["request"]).endswith(kept), path
        assert token not in str(event)


def test_address_of_a_visitor_is_not_bound_to_events() -> None:
    from django_structlog.app_settings import app_settings

    assert app_settings.IP_LOGGING_ENABLED is False
