"""What a member's own browser says of a page (16): largest paint, answers to clicks and keys, things that jump. In Chromium."""

from collections.abc import Iterator
from statistics import quantiles
from typing import Any

from tests import requires
from tests.bench.rows import Row, figure
from tests.bench.serving import Served

PAGES = ("/network", "/feed", "/connections", "/people?q=ma", "/messages", "/notifications")
TIMES = 4
FLAGS = ["--no-sandbox", "--disable-gpu"]
WATCH = """
window.kith = {paint: 0, shift: 0, wait: 0};
new PerformanceObserver(l => l.getEntries().forEach(e => kith.paint = e.startTime))
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(l => l.getEntries().forEach(e => { if (!e.hadRecentInput) kith.shift += e.value; }))
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver(l => l.getEntries().forEach(e => { if (e.interactionId) kith.wait = Math.max(kith.wait, e.duration); }))
  .observe({type: "event", buffered: true, durationThreshold: 16});
"""


def measured(house: Served) -> Iterator[Row]:
    """Open pages as a phone would show them, press keys and a menu, and ask what the browser measured."""
    path = requires.browser()
    if path is None:
        yield figure(16, "LCP, INP and CLS", "not measured: no Chromium here")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        seen = [_visit(browser, house, url) for _turn in range(TIMES) for url in PAGES]
        browser.close()
    paint, wait, shift = (quantiles([each[name] for each in seen], n=4)[2] for name in ("paint", "wait", "shift"))
    yield figure(
        16, "largest paint (LCP), the slowest quarter from", f"{paint:.0f} ms", "≤ 2,500 ms", met=paint <= 2500
    )
    yield figure(16, "answer to a key or a click (INP)", f"{wait:.0f} ms", "≤ 200 ms", met=wait <= 200)
    yield figure(16, "what jumps (CLS)", f"{shift:.3f}", "≤ 0.1", met=shift <= 0.1)


def _visit(browser: Any, house: Served, url: str) -> dict[str, float]:
    """Visit one page with nothing kept of a visit before."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    name, _is, value = house.cookie_of(house.members[0]).partition("=")
    context.add_cookies([{"name": name, "value": value, "url": house.url}])
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(house.url + url, wait_until="networkidle")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    summary = page.locator("summary:visible").first
    if summary.count():
        summary.click()
    page.wait_for_timeout(300)
    found: dict[str, float] = page.evaluate("kith")
    context.close()
    return found
