"""Page objects of the upload page."""

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PICKER = "[data-ref=picker]"
WAIT_SECONDS = 20.0
"""How long a test waits for what it expects: longer than Playwright, for a machine that is busy with other tests."""
expect.set_options(timeout=WAIT_SECONDS * 1000)


def row(page: Page, name: str) -> Locator:
    return page.locator(".row").filter(has_text=name)


def state(page: Page, name: str, wanted: str, seconds: float = WAIT_SECONDS) -> Locator:
    """Return the row, once it is in that state."""
    found = row(page, name)
    expect(found).to_have_attribute("data-state", wanted, timeout=seconds * 1000)
    return found


def pick(page: Page, *files: Path) -> None:
    page.set_input_files(PICKER, [str(file) for file in files])


def drop(page: Page, *paths: Path) -> None:
    """Drop files: the browser creates the drag events and their files."""
    devtools = page.context.new_cdp_session(page)
    carried = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 300, "data": carried})


def button(page: Page, action: str, name: str) -> Locator:
    """Return a row's button by its accessible name."""
    return page.get_by_role("button", name=f"{action}: “{name}”", exact=True)


def cancel(page: Page, name: str) -> None:
    """Cancel the upload, and confirm if the page asks."""
    button(page, "Cancel", name).click()
    sure = row(page, name).locator("[data-action=sure]")
    expect(sure.or_(row(page, name).and_(page.locator("[data-state=cancelled]")))).to_be_visible()
    if sure.count():
        sure.click()
    state(page, name, "cancelled")


def choose_again(page: Page, name: str, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        button(page, "Choose file again", name).click()
    chooser.value.set_files(str(file))


def sign_in(page: Page, token: str) -> Locator:
    """Sign in with the admin token; return the form."""
    form = page.locator(".sign-in-form")
    # Open while it is filled in for a second time.
    if not form.locator("[data-ref=token]").is_visible():
        form.locator("summary").click()
    form.locator("[data-ref=token]").fill(token)
    form.locator("button").click()
    return form


def until(true: Callable[[], object], page: Page, seconds: float = WAIT_SECONDS) -> None:
    """Wait until the condition is true, while the browser runs."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        page.wait_for_timeout(50)


def settle(page: Page, number: Callable[[], int]) -> None:
    """Wait until a count is stable: bytes in the kernel's buffers still arrive."""
    before = -1
    while before != (before := number()):
        page.wait_for_timeout(700)


FOCUSED = """() => {
    const it = document.activeElement;
    return it === document.body ? '' : (it.ariaLabel || it.labels?.[0]?.textContent || it.textContent).trim();
}"""
"""The accessible name of what has the focus."""


def press_on(page: Page, name: str) -> None:
    """Go on with the Tab key to the link, button or field with this accessible name, and press Enter there."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} is not reached by Tab")
