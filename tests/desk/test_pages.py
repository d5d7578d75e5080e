"""Every page in a real browser, wide and narrow: nothing for axe to find, and nothing wider than the screen."""

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import CHROMIUM, needs_chromium
from sites import FROZEN, MONTH, Site

PAGES = (
    f"/months/{MONTH}", f"/months/{FROZEN}", f"/months/{MONTH}/sign-off", f"/months/{FROZEN}/release", "/findings",
    f"/snapshots/{FROZEN}/1", "/deliveries?ids={blocked},{quarantined}", "/deliveries/{blocked}",
    "/deliveries/{quarantined}", "/deliveries/{quarantined}/rows", "/packs", "/runbooks/",
    "/runbooks/month-end", "/nowhere",
)  # fmt: skip


pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def open_as(browser: Any, site: Site, user: str, width: int) -> Any:
    """A tab in which somebody is logged in."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_cookies([{"name": "_token", "value": site.tokens[user], "url": site.url}])
    return context.new_page()


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(browser: Any, own_site: Site, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = open_as(browser, own_site, "a.steward", width)
    wrong: dict[str, Any] = {}
    tab.on("console", lambda message: "404" in message.text or wrong.setdefault("console", message.text))
    deliveries = {verdict: own_site.delivery(verdict) for verdict in ("blocked", "quarantined")}
    for path in (page.format(**deliveries) for page in PAGES):
        answer = tab.goto(f"{own_site.url}/desk{path}")
        assert answer.status == (404 if path == "/nowhere" else 200), path
        for details in tab.locator("details").all():
            details.evaluate("element => { element.open = true }")
        found = [violation["id"] for violation in Axe().run(tab).response["violations"]]
        wider = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        small = tab.evaluate(
            "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]"
            ".filter(each => each.offsetParent && !each.closest('p, li, td, th, dd') && !each.matches('.skip'))"
            ".map(each => each.getBoundingClientRect()).filter(box => box.height < 24 || box.width < 24).length"
        )
        if found or wider > 0 or small:
            wrong[path] = (found, wider, small)
    assert wrong == {}


def test_the_desk_is_used_by_keyboard(browser: Any, own_site: Site) -> None:
    tab = open_as(browser, own_site, "d.analyst", 1280)
    tab.goto(f"{own_site.url}/desk/findings")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the main content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    tab.get_by_label("State").focus()
    tab.keyboard.type("fixed")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/findings?state=fixed")
    assert tab.get_by_role("heading", level=1).inner_text() == "Findings"
