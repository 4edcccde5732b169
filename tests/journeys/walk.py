"""What a person does on any page: presses, reads, follows the menu; and the pictures of the guide."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from tests.browser.support import DESKTOP, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

GUIDE = Path(settings.BASE_DIR) / "docs" / "guide" / "images"


def press(locator: "Locator") -> None:
    """Press, and wait for the whole page that answers."""
    with locator.page.expect_navigation(wait_until="load"):
        locator.click()


def press_button(page: "Page", name: str) -> None:
    """Press the button of the page's content whose name begins so."""
    press(page.locator("main").get_by_role("button", name=beginning(name)).first)


def follow(page: "Page", name: str) -> None:
    """Follow the first link of the page's content whose name begins so."""
    press(page.locator("main").get_by_role("link", name=beginning(name)).first)


def beginning(name: str) -> re.Pattern[str]:
    """A name that begins so; the browser reads any space of a name as an ordinary one."""
    return re.compile("^" + re.escape(" ".join(name.split())))


def take_menu(page: "Page", label: str) -> None:
    """Follow an entry of the main menu, opening its section first where there is one."""
    menu = page.get_by_role("navigation", name="Menu principal")
    inside = page.locator("a").filter(has_text=re.compile(rf"^\s*{label}\s*$"))
    link = menu.locator("a").filter(has_text=re.compile(rf"^\s*{label}\s*$"))
    if not link.is_visible():
        menu.locator("li").filter(has=inside).get_by_role("button").first.click()
    press(link)


def reads(page: "Page", *sentences: str) -> None:
    """The page's content says all of this, whatever the kind of its spaces."""
    text = plain(page.locator("main").inner_text())
    for sentence in sentences:
        assert plain(sentence) in text, f"« {sentence} » is not on {page.url}:\n{text}"


def plain(text: str) -> str:
    """One ordinary space wherever there is any run of spaces; case as displayed is no matter."""
    return re.sub(r"\s+", " ", text.replace("\xa0", " ").replace("\u202f", " ")).casefold()


def guide(page: "Page", name: str, *, at: str = "", phone: bool = False) -> None:
    """``docs/guide/images/name.png``, one window from ``at`` (a selector) on; only when pictures are asked."""
    if not os.environ.get("GUICHET_SCREENSHOTS"):
        return
    before = page.viewport_size
    page.set_viewport_size(PHONE if phone else DESKTOP)  # type: ignore[arg-type]
    top = page.locator(at).first.bounding_box() if at else None
    page.evaluate("y => window.scrollTo(0, window.scrollY + y)", top["y"] - 24 if top else 0)
    page.screenshot(path=GUIDE / f"{name}.png", animations="disabled")
    page.evaluate("() => window.scrollTo(0, 0)")
    if before:
        page.set_viewport_size(before)
