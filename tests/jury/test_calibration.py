"""Severity with its interval; refusals that say why."""

import time

import numpy as np
import pytest

from jury.calibration import NO_DIFFERENCE, NOT_CONNECTED, NOT_ENOUGH, TOO_FEW, Mark, calibrate


def sample(spread, *, dossiers=300, jurors=36, seed=88):
    generator = np.random.default_rng(seed)
    quality, severity = generator.normal(0, 2, dossiers), generator.normal(0, spread, jurors)
    return severity, [
        Mark(f"{dossier:03d}", int(juror), float(12 + quality[dossier] + severity[juror] + generator.normal(0, 1.3)))
        for dossier in range(dossiers)
        for juror in generator.choice(jurors, 3, replace=False)
    ]


def test_severities_are_found_with_their_interval():
    severity, marks = sample(1.2)
    started = time.process_time()
    found = calibrate(marks)
    assert time.process_time() - started < 2
    assert found.refusal == ""
    points = np.array([row.points for row in found.severities])
    assert np.corrcoef(points, severity)[0, 1] > 0.85
    centred = severity - severity.mean()
    inside = [row.low <= centred[row.juror] <= row.high for row in found.severities]
    assert sum(inside) >= 30


def test_severities_are_shrunk_towards_zero():
    _, marks = sample(0.8, dossiers=60, jurors=10)
    found = calibrate(marks)
    design = np.zeros((len(marks), 70))
    for row, mark in enumerate(marks):
        design[row, int(mark.dossier)] = design[row, 60 + mark.juror] = 1
    plain = np.linalg.lstsq(design, np.array([mark.total for mark in marks]), rcond=None)[0][60:]
    assert 0.5 * np.std(plain) < np.std([row.points for row in found.severities]) < np.std(plain)


def test_corrected_mean_takes_the_severity_away():
    _, marks = sample(1.2)
    found = calibrate(marks)
    by_juror = {row.juror: row.points for row in found.severities}
    mine = [mark for mark in marks if mark.dossier == "007"]
    expected = np.mean([mark.total - by_juror[mark.juror] for mark in mine])
    assert found.corrected is not None
    assert found.corrected["007"] == pytest.approx(expected)


def test_same_marks_in_any_order_give_the_same_answer():
    _, marks = sample(1.2)
    assert calibrate(marks[::-1]) == calibrate(marks)


def test_jurors_who_do_not_differ_are_not_corrected():
    _, marks = sample(0.0)
    assert calibrate(marks).refusal == NO_DIFFERENCE


def test_two_worlds_that_no_reading_ties_are_refused():
    _, marks = sample(1.2, dossiers=60, jurors=8)
    other = [Mark(f"x{mark.dossier}", mark.juror + 100, mark.total) for mark in marks]
    assert calibrate(marks + other).refusal == NOT_CONNECTED


def test_a_juror_with_fewer_than_five_dossiers_refuses_the_correction():
    _, marks = sample(1.2, dossiers=60, jurors=8)
    assert calibrate([*marks, Mark("000", 99, 12.0)]).refusal == TOO_FEW


def test_too_few_marks_are_refused():
    assert calibrate([Mark("a", 1, 12.0)]).refusal == NOT_ENOUGH
    assert calibrate([]).refusal == NOT_ENOUGH
