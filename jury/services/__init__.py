"""Acts of the jury and of the decision that follows it, one function per verb.

Each opens its transaction, locks the row, asks the workflow's table, changes, writes the journal; what must follow
goes through the outbox. They raise ``core.errors.Refused``.
"""

from jury.services.assignment import (
    change_seat,
    confirm_assignment,
    possible_readers,
    propose_assignment,
    seat_juror,
    verify_run,
)
from jury.services.decisions import (
    award_from_waiting_list,
    cancel_list,
    edit_decision,
    mark_prepared,
    prepare_list,
    remove_decision,
    reopen_list,
    send_back_list,
)
from jury.services.deliberation import (
    AttendanceInput,
    OpinionInput,
    close_deliberation,
    closing_digest,
    confirm_block,
    postpone,
    record_attendance,
    record_opinion,
    summon,
)
from jury.services.evaluation import (
    MarkInput,
    declare_no_conflict,
    incomplete,
    save_evaluation,
    submit_evaluation,
)
from jury.services.panel import Member, constitute_jury, recuse
from jury.services.release import after_release, list_content, list_digest, release_list, release_obstacle

__all__ = [
    "AttendanceInput",
    "MarkInput",
    "Member",
    "OpinionInput",
    "after_release",
    "award_from_waiting_list",
    "cancel_list",
    "change_seat",
    "close_deliberation",
    "closing_digest",
    "confirm_assignment",
    "confirm_block",
    "constitute_jury",
    "declare_no_conflict",
    "edit_decision",
    "incomplete",
    "list_content",
    "list_digest",
    "mark_prepared",
    "possible_readers",
    "postpone",
    "prepare_list",
    "propose_assignment",
    "record_attendance",
    "record_opinion",
    "recuse",
    "release_list",
    "release_obstacle",
    "remove_decision",
    "reopen_list",
    "save_evaluation",
    "seat_juror",
    "send_back_list",
    "submit_evaluation",
    "summon",
    "verify_run",
]
