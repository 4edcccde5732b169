"""Chromium for the tests: real pages, the real content security policy, axe-core, screenshots.

Loaded as a pytest plugin (``-p tests.browser.support``). A browser test::

    @pytest.mark.browser
    def test_visitor_reads_the_calls(visit):
        page = visit("/appels/")
        page.get_by_role("link", name="Transformation numérique").click()
        check_page(page, "appel")

The fixture ends with a check: any error in the console, any refused script or style, any exception of a page or any
request outside the site fails the test. Nothing bypasses the content security policy.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = os.environ.get("GUICHET_CHROMIUM", "/usr/bin/chromium")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
TIMEOUT = 20_000  # milliseconds: two cores may be busy with other workers

ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--metrics-recording-only",
    # Names other than this machine do not exist: a page that asks for them fails visibly.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]

# Rules of WCAG 2.1 A and AA, and the good practices that RGAA asks too (landmarks, order of headings).
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]

_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  const place = event.sourceFile + ":" + event.lineNumber;
  console.error("CSP: " + event.violatedDirective + " " + event.blockedURI + " " + place);
});
"""


@dataclass
class Watch:
    """What went wrong in the pages of one test. ``expected`` are patterns of errors that the test provokes."""

    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def unexpected(self) -> list[str]:
        return [text for text in self.problems if not any(re.search(pattern, text) for pattern in self.expected)]

    def on_page(self, page: "Page") -> None:
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("requestfailed", lambda request: self._failed(request.url, str(request.failure)))

    def _console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(f"console: {text}")

    def _failed(self, url: str, reason: str) -> None:
        # A page left before its last image arrived aborts the request: no fault of the site.
        if "ERR_ABORTED" not in reason:
            self.problems.append(f"request: {url} {reason}")


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """One browser for the run of this worker."""
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; the tests' own database calls in it are plain and sequential.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=arguments)
        yield browser
        browser.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Collects the problems of the pages; the test fails at its end if one was not expected."""
    seen = Watch()
    yield seen
    assert seen.unexpected() == []


@pytest.fixture
def new_context(chromium: "Browser", watch: Watch, live_server: Any) -> "Iterator[Callable[..., BrowserContext]]":
    """Makes one more person at one more browser (own cookies); options are those of Playwright."""
    opened: list[BrowserContext] = []

    def make(**options: Any) -> "BrowserContext":
        defaults = {"base_url": live_server.url, "locale": "fr-FR", "timezone_id": "Europe/Paris", "viewport": DESKTOP}
        context = chromium.new_context(**{**defaults, **options})
        context.set_default_timeout(TIMEOUT)
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("page", watch.on_page)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def visit(new_context: "Callable[..., BrowserContext]") -> "Callable[..., Page]":
    """Opens an address of the site in one person's browser: ``visit("/appels/")``; the same browser each time."""
    pages: list[Page] = []

    def go(path: str, **options: Any) -> "Page":
        if not pages or options:
            pages.insert(0, new_context(**options).new_page())
        pages[0].goto(path, wait_until="load")
        return pages[0]

    return go


_AXE_SOURCE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def axe(page: "Page", *, rules: list[str] | None = None) -> list[str]:
    """Violations that axe-core finds on the page once loaded: rule, impact, place. An empty list is what we want."""
    # A click returns when the new address answers, before its document is parsed: axe would judge half a page.
    page.wait_for_load_state("load")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE_SOURCE)
    options = {"runOnly": {"type": "tag", "values": rules or AXE_RULES}, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def overflow(page: "Page") -> int:
    """How many pixels the page is wider than the window: above zero, a phone scrolls sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def screenshot(page: "Page", name: str) -> None:
    """``name-desktop.png`` and ``name-phone.png`` in the directory of GUICHET_SCREENSHOTS; nothing without it."""
    directory = os.environ.get("GUICHET_SCREENSHOTS")
    if not directory:
        return
    before = page.viewport_size
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.screenshot(path=Path(directory) / f"{name}-{size}.png", full_page=True)
    if before:
        page.set_viewport_size(before)


def check_page(page: "Page", name: str = "") -> None:
    """What every page crossed must pass: axe on a wide screen and on a phone, no sideways scrolling, one h1."""
    before = page.viewport_size
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        violations = axe(page)
        assert violations == [], f"{page.url} {viewport}: {json.dumps(violations, ensure_ascii=False, indent=1)}"
        assert overflow(page) == 0, f"{page.url} is {overflow(page)} px too wide at {viewport}"
    if before:
        page.set_viewport_size(before)
    assert page.locator("h1").count() == 1, f"{page.url} has {page.locator('h1').count()} h1"
    if name:
        screenshot(page, name)
