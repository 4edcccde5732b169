"""Forms of the jury: they validate and convert, services decide."""

from jury.forms.constitution import JuryForm, member_lines
from jury.forms.decisions import (
    CancelForm,
    DecisionForm,
    ListForm,
    ReleaseForm,
    RemoveForm,
    SendBackForm,
    WaitingListForm,
)
from jury.forms.deliberation import AttendanceForm, BlockForm, OpinionForm, SummonForm
from jury.forms.evaluation import EvaluationForm, HandInForm, MemberRecusalForm, RecusalForm
from jury.forms.panel import ChangeSeatForm, SeatForm
from jury.forms.ranking import FloorForm

__all__ = [
    "AttendanceForm",
    "BlockForm",
    "CancelForm",
    "ChangeSeatForm",
    "DecisionForm",
    "EvaluationForm",
    "FloorForm",
    "HandInForm",
    "JuryForm",
    "ListForm",
    "MemberRecusalForm",
    "OpinionForm",
    "RecusalForm",
    "ReleaseForm",
    "RemoveForm",
    "SeatForm",
    "SendBackForm",
    "SummonForm",
    "WaitingListForm",
    "member_lines",
]
