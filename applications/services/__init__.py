"""Acts on dossiers, one function per verb. Each opens its transaction, locks the row, asks the workflow's table,
changes, writes the journal; what must follow goes through the outbox. They raise ``core.errors.Refused``."""

from applications.services.attachments import add_attachment, remove_attachment
from applications.services.decisions import decide
from applications.services.drafts import form_grouping, save_section, start_application
from applications.services.screening import (
    answer_completion,
    confirm_completeness,
    declare_admissible,
    declare_inadmissible,
    deem_complete,
    request_completion,
    send_message,
)
from applications.services.submission import submit_application, withdraw

__all__ = [
    "add_attachment",
    "answer_completion",
    "confirm_completeness",
    "decide",
    "declare_admissible",
    "declare_inadmissible",
    "deem_complete",
    "form_grouping",
    "remove_attachment",
    "request_completion",
    "save_section",
    "send_message",
    "start_application",
    "submit_application",
    "withdraw",
]
