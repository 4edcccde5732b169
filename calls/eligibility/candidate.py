"""Who asks: one authority or a grouping, with the facts that only other rooms know, given as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from territories.models import Grouping, Organisation, Territory
from territories.population import Perimeter, perimeters_of


@dataclass(frozen=True)
class Member:
    """One authority of a candidate. Codes are empty where unknown or meaningless (a région has no département)."""

    kind: str
    name: str
    perimeter: Perimeter
    departement_code: str = ""
    region_code: str = ""


@dataclass(frozen=True)
class Candidate:
    """What the rules look at.

    ``prior_requests``: earlier requests that count, by axis code; None when nobody looked.
    ``prior_authorisation``: whether the authorisation that some axes require was given; None when unknown.
    """

    members: tuple[Member, ...]
    prior_requests: Mapping[str, int] | None = None
    prior_authorisation: bool | None = None

    @property
    def is_grouping(self) -> bool:
        return len(self.members) > 1

    @property
    def perimeters(self) -> list[Perimeter]:
        return [member.perimeter for member in self.members]


def candidate_of(
    authorities: Iterable[Territory | Organisation | Grouping],
    *,
    prior_requests: Mapping[str, int] | None = None,
    prior_authorisation: bool | None = None,
) -> Candidate:
    """A candidate from territories, organisations or a grouping (its members), each counted once."""
    flat: list[Territory | Organisation] = []
    for authority in authorities:
        if isinstance(authority, Grouping):
            flat.extend(authority.members.all())
        else:
            flat.append(authority)
    members = [
        Member(item.kind, item.name, perimeter, item.departement_code, item.region_code)
        for item, perimeter in zip(flat, perimeters_of(flat), strict=True)
    ]
    return Candidate(tuple(dict.fromkeys(members)), prior_requests, prior_authorisation)
