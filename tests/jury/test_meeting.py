"""Quorum item by item, proxies, the chair's vote."""

from decimal import Decimal

import pytest

from jury.meeting import Presence, casting_fault, quorum, vote_obstacle

HALF = Decimal("0.50")
FIVE = [1, 2, 3, 4, 5]


def present(*jurors):
    return [Presence(juror, "present") for juror in jurors]


def test_half_of_the_members_rounded_up_is_needed():
    assert quorum(FIVE, present(1, 2), HALF).is_reached is False
    assert quorum(FIVE, present(1, 2, 3), HALF).is_reached is True
    assert quorum(FIVE, present(1, 2, 3), HALF).needed == 3


def test_remote_counts_as_present():
    assert quorum(FIVE, [Presence(1, "remote"), *present(2, 3)], HALF).is_reached


def test_proxy_counts_while_its_holder_sits():
    rows = [*present(1, 2), Presence(3, "proxy", 2)]
    assert quorum(FIVE, rows, HALF).voters == {1, 2, 3}
    assert quorum(FIVE, [*present(1), Presence(3, "proxy", 2)], HALF).voters == {1}


def test_recused_members_leave_both_sides_of_the_quorum():
    found = quorum(FIVE, present(1, 2), HALF, recused=[4, 5])
    assert (found.members, found.needed, found.present) == (3, 2, 2)
    assert quorum(FIVE, present(1, 2), HALF, recused=[1]).is_reached is False


def test_proxy_given_to_a_recused_member_is_lost():
    rows = [*present(1, 2), Presence(3, "proxy", 2)]
    assert quorum(FIVE, rows, HALF, recused=[2]).voters == {1}


def test_nobody_left_is_no_quorum():
    assert quorum([1], present(1), HALF, recused=[1]).is_reached is False


@pytest.mark.parametrize(
    ("votes_for", "votes_against", "casting", "field"),
    [
        (None, None, "", ""),
        (3, 1, "", ""),
        (2, 2, "for", ""),
        (2, 2, "", "casting_vote"),
        (2, 2, "against", "votes_for"),
        (1, 3, "", "votes_for"),
        (4, 2, "", "votes_for"),
        (0, 0, "", "votes_for"),
        (2, None, "", "votes_for"),
    ],
)
def test_majority_and_casting_vote(votes_for, votes_against, casting, field):
    found = quorum(FIVE, present(1, 2, 3, 4, 5), HALF)
    assert vote_obstacle(found, 1, votes_for, votes_against, casting)[1] == field


@pytest.mark.parametrize(
    ("votes", "field"),
    [
        ((3, 1, "for"), "casting_vote"),
        ((None, None, "against"), "casting_vote"),
        ((3, 1, ""), ""),
        ((None, None, ""), ""),
        ((2, 2, "for"), ""),
    ],
)
def test_casting_vote_is_refused_where_it_is_typed_and_stops_no_older_opinion(votes, field):
    found = quorum(FIVE, present(1, 2, 3, 4, 5), HALF)
    assert casting_fault(*votes)[1] == field
    assert vote_obstacle(found, 1, *votes) == ("", "")


def test_tie_without_the_chair_is_not_decided():
    found = quorum(FIVE, present(2, 3, 4, 5), HALF)
    sentence, _ = vote_obstacle(found, 1, 2, 2, "for")
    assert "ne siège pas" in sentence
