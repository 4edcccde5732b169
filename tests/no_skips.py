"""pytest plugin: with CI set, a test that is skipped, or expected to fail, fails. Nothing passes by not being run."""

import os
from collections.abc import Generator

import pytest


def is_strict() -> bool:
    """On the machine that decides whether a change may enter."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if is_strict() and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"CI: nothing may be skipped – {report.longrepr}"
        report.__dict__.pop("wasxfail", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """``pytest.skip``, ``skipif``, ``xfail``."""
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """``importorskip`` at the top of a file."""
    report = yield
    _refuse(report)
    return report
