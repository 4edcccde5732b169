"""From the code of a state to the tone of its badge. The label, always shown, comes from the room's enumeration.

A room whose states are not here adds them in its ``navigation.py``: ``states.register({"code": "info"})``.
"""

from typing import Any

TONES = ("success", "error", "warning", "info", "new", "")

_tones: dict[str, str] = {
    "draft": "new",
    "submitted": "info",
    "completion_requested": "warning",
    "admissible": "info",
    "inadmissible": "error",
    "awarded": "success",
    "refused": "error",
    "waitlisted": "warning",
    "redirected": "info",
    "deferred": "warning",
    "withdrawn": "",
}


def register(tones: dict[str, str]) -> None:
    """Give each code its tone: success, error, warning, info, new, or empty for grey."""
    unknown = set(tones.values()) - set(TONES)
    if unknown:
        raise ValueError(f"unknown tones: {sorted(unknown)}")
    _tones.update(tones)


def tone_of(code: str) -> str:
    """Tone of a state; grey when nobody gave it one."""
    return _tones.get(code, "")


def label_of(thing: Any, field: str) -> str:
    """The French label of the state of ``thing``."""
    return str(getattr(thing, f"get_{field}_display")())
