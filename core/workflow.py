"""Workflows as data: one table per object that has states, read by everything that must agree about them.

The methods of the model, the guards of the services, the buttons of the pages, ``docs/workflows.md`` and the tests of
every state × transition × role read the same rows. A room writes its table in ``<room>/workflow.py``::

    WORKFLOW = register(Workflow(code="application", title="Dossier", states=ApplicationState, …))

and its model declares each method from it: ``submit = WORKFLOW.method("submit", state)``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import TextChoices
from django.utils.module_loading import autodiscover_modules
from django_fsm import transition as fsm_transition

from core.errors import Refused

# What stops an act for the moment, in French, or an empty text. Receives the object and the instant.
Guard = Callable[[Any, datetime], str]
# Whether a person holds a role on an object at an instant.
Holds = Callable[[Any, Any, datetime], bool]


@dataclass(frozen=True)
class Role:
    """Who acts: ``holds(user, thing, at)`` reads mandates and affiliations, never a flag of the person."""

    code: str
    label: str
    holds: Holds


@dataclass(frozen=True)
class Transition:
    """One row of the table. ``label`` is the button's; ``past`` tells it in a timeline (« a été déposé »)."""

    name: str
    sources: tuple[str, ...]
    target: str
    roles: tuple[str, ...]
    label: str
    past: str
    needs_reason: bool = False
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True)
class Workflow:
    """States, transitions, roles, and for each state and audience the sentence that says what comes next."""

    code: str
    title: str
    states: type[TextChoices]
    initial: str
    roles: tuple[Role, ...]
    transitions: tuple[Transition, ...]
    next_steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    field_name: str = "state"

    def __post_init__(self) -> None:
        known, roles = set(self.states.values), {role.code for role in self.roles}
        for row in self.transitions:
            if not {row.target, *row.sources} <= known or not set(row.roles) <= roles or not row.sources:
                raise ValueError(f"{self.code}.{row.name}: unknown state or role")
        if len({row.name for row in self.transitions}) != len(self.transitions) or self.initial not in known:
            raise ValueError(f"{self.code}: two transitions with one name, or an unknown initial state")

    def transition(self, name: str) -> Transition:
        """The row of this name; KeyError when there is none."""
        for row in self.transitions:
            if row.name == name:
                return row
        raise KeyError(f"{self.code} has no transition {name}")

    def role(self, code: str) -> Role:
        """The role of this code; KeyError when there is none."""
        for row in self.roles:
            if row.code == code:
                return row
        raise KeyError(f"{self.code} has no role {code}")

    def method(self, name: str, state_field: Any) -> Callable[[Any], None]:
        """The protected method of the model for this row, to be declared in the model's body."""
        row = self.transition(name)

        def move(self: Any) -> None:
            return None

        move.__name__ = move.__qualname__ = name
        move.__doc__ = f"{row.label} ({' | '.join(row.sources)} → {row.target}). Called by its service only."
        decorated: Callable[[Any], None] = fsm_transition(
            field=state_field, source=list(row.sources), target=row.target
        )(move)
        return decorated

    def holds(self, user: Any, thing: Any, name: str, at: datetime) -> bool:
        """Whether the person holds one of the roles of the transition, whatever the state."""
        return any(self.role(code).holds(user, thing, at) for code in self.transition(name).roles)

    def obstacle(self, thing: Any, name: str, at: datetime) -> str:
        """What stops the transition now, in French: the state, then each guard. Empty when nothing does."""
        row = self.transition(name)
        state = getattr(thing, self.field_name)
        if state not in row.sources:
            label = self.states(state).label
            return f"Cet acte n’est plus possible\u00a0: l’état est désormais «\u00a0{label}\u00a0»."
        return next((sentence for guard in row.guards if (sentence := guard(thing, at))), "")

    def check(self, thing: Any, name: str, at: datetime) -> Transition:
        """The row, or Refused with the sentence of what stops it."""
        sentence = self.obstacle(thing, name, at)
        if sentence:
            raise Refused(sentence, data={"transition": name})
        return self.transition(name)

    def available(self, user: Any, thing: Any, at: datetime) -> list[Transition]:
        """Rows that this person may play now, in the order of the table: the buttons of a page."""
        state = getattr(thing, self.field_name)
        held = {role.code for role in self.roles if role.holds(user, thing, at)}
        rows = [row for row in self.transitions if state in row.sources and held.intersection(row.roles)]
        return [row for row in rows if not any(guard(thing, at) for guard in row.guards)]

    def next_step(self, state: str, audience: str) -> str:
        """What comes next, in plain words, for « applicant », « service »…; empty where nothing is to be said."""
        return self.next_steps.get(state, {}).get(audience, "")


_workflows: dict[str, Workflow] = {}


def register(workflow: Workflow) -> Workflow:
    """Adds a table to the registry and returns it."""
    if _workflows.setdefault(workflow.code, workflow) is not workflow:
        raise RuntimeError(f"two workflows named {workflow.code}")
    return workflow


@cache
def _discover() -> None:
    autodiscover_modules("workflow")


def workflows() -> list[Workflow]:
    """Every table of the site, by code."""
    _discover()
    return [_workflows[code] for code in sorted(_workflows)]
