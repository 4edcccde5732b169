"""Fixtures of the journeys: the stage, browsers, and the door through which each person comes in."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page

from accounts.models import User
from tests.factories.accounts import PASSWORD
from tests.journeys.stage import Stage, fresh_code
from tests.journeys.walk import press

PATIENCE = 60_000  # milliseconds: the whole site, its documents and a browser share the machine


@pytest.fixture
def stage(transactional_db: None) -> Stage:
    """The real call on the sample of real territories, with its people."""
    return Stage()


@pytest.fixture
def open_browser(new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """One more person at one more browser, on the home page; options are those of Playwright."""

    def make(**options: Any) -> Page:
        context = new_context(**options)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto("/", wait_until="load")
        return page

    return make


@pytest.fixture
def arrive(open_browser: Callable[..., Page]) -> Callable[..., Page]:
    """This person signs in by typing: address, password, and the six digits if they have a second factor."""

    def come_in(user: User, **options: Any) -> Page:
        page = open_browser(**options)
        page.goto(reverse("account_login"), wait_until="load")
        page.locator("main input[name=login]").fill(user.email)
        page.locator("main input[name=password]").fill(PASSWORD)
        press(page.locator("main").get_by_role("button", name="Se connecter"))
        if user.authenticator_set.exists():
            page.locator("main input[name=code]").fill(fresh_code(user))
            press(page.locator("main").get_by_role("button", name="Se connecter"))
        return page

    return come_in
