"""Reports of errors to a Sentry that the operator configures: where the code broke and for which ids, never what people wrote."""

import re
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.types import Event, Hint

from core.logs import without_personal_data

# They tell again, with the address as typed, of an error that the library has from the page or the task itself.
_CONSTRAINT = re.compile(r'constraint "(\w+)"')
_TOLD_TWICE = ("django_structlog.*", "django.request")


def start_error_reports(dsn: str, **options: Any) -> None:
    """Sends the errors of this process to ``dsn``. ``options``: further ones of the library (a transport, for a test)."""
    for name in _TOLD_TWICE:
        ignore_logger(name)
    sentry_sdk.init(
        dsn=dsn,
        traces_sample_rate=0.0,
        max_request_body_size="never",
        # A frame holds whatever was being handled: a form, the text of a mail, a bank account.
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=only_ids,
        **options,
    )


def only_ids(event: Event, _hint: Hint) -> Event:
    """The event without the form, cookies and headers, nor the sentence of any error, which may quote what was typed; of a
    broken constraint the name stays.

    The page's address goes too, it may carry a code; ``transaction`` says which page broke.
    """
    request = event.get("request") or {}
    event["request"] = {"method": request["method"]} if "method" in request else {}
    user = event.get("user") or {}
    event["user"] = {"id": user["id"]} if "id" in user else {}
    for error in (event.get("exception") or {}).get("values") or ():
        found = _CONSTRAINT.search(str(error.get("value") or ""))
        error["value"] = f"constraint {found[1]}" if found else ""
    if entry := event.get("logentry"):
        # What our own loggers say first is a constant; others write the values into it.
        ours = str(event.get("logger") or "").startswith("guichet")
        event["logentry"] = {"message": entry.get("message", "")} if ours else {}
    cleaned: Event = _cleaned(event)
    return cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_personal_data(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list | tuple) else value
