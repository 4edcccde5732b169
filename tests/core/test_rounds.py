"""A round over many rows: one that breaks keeps back none of the others, and is seen."""

import logging

import pytest

from core.rounds import each_apart


def test_every_key_is_acted_on_once_and_counted():
    done = []
    assert each_apart("round", iter(["a", "b"]), done.append) == 2
    assert done == ["a", "b"]


def test_one_that_breaks_is_logged_with_its_key_and_raised_once_the_others_are_done(caplog):
    done = []

    def act(key):
        if key == "b":
            raise OSError("stumbled")
        done.append(key)

    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="round: 1 of 3 failed"):
        each_apart("round", ["a", "b", "c"], act)
    assert done == ["a", "c"]
    (line,) = caplog.records
    assert (line.key, line.round, line.exc_info[0]) == ("b", "round", OSError)
