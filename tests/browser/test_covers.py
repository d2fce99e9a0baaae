"""Covers of open uploads: chosen, shown, sent, and refused with a reason."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG
from tests.support.pictures import SVG, png

Make = Callable[..., Path]


def choose_cover(page: Page, name: str, file: Path, words: str = "Choose a cover") -> None:
    with page.expect_file_chooser() as chooser:
        row(page, name).get_by_role("button", name=words).click()
    chooser.value.set_files(str(file))


def has_cover(api: Callable[[str], Any], width: int) -> bool:
    """Return whether the only upload has a PNG of this width."""
    (upload,) = api("uploads?state=receiving")["uploads"]
    return bool((upload["cover"]["media_type"], upload["cover"]["width"]) == ("image/png", width))


def test_a_chosen_cover_is_shown_and_sent(
    line: SlowProxy, visitor: Visitor, mp3: Make, tmp_path: Path, api: Callable[[str], Any]
) -> None:
    cover = tmp_path / "cover.png"
    page = visitor.visit(line.url)
    pick(page, mp3("covered.mp3", LONG))
    state(page, "covered.mp3", "sending")
    button(page, "Details", "covered.mp3").click()
    for width in (30, 40):
        cover.write_bytes(png(width, 20))
        choose_cover(page, "covered.mp3", cover)
        mine = row(page, "covered.mp3")
        expect(mine.get_by_alt_text("Cover")).to_have_js_property("naturalWidth", width)
        expect(mine.locator("[data-ref=saved]")).to_have_text("Saved")
        # "Saved" may still be shown for the previous cover.
        until(partial(has_cover, api, width), page)
    assert api("uploads?state=receiving")["uploads"][0]["tags"] == {}


def test_a_cover_chosen_before_the_upload_begins_is_sent_with_it(
    line: SlowProxy, visitor: Visitor, mp3: Make, tmp_path: Path, api: Callable[[str], Any]
) -> None:
    cover = tmp_path / "cover.png"
    cover.write_bytes(png(30, 20))
    page = visitor.visit(line.url)
    pick(page, *(mp3(f"{number}.mp3", LONG) for number in range(3)))
    state(page, "0.mp3", "sending")
    state(page, "2.mp3", "queued")
    button(page, "Details", "2.mp3").click()
    choose_cover(page, "2.mp3", cover)
    row(page, "0.mp3").get_by_role("button", name="Pause").click()
    state(page, "2.mp3", "sending")
    until(lambda: next(each["cover"] for each in api("uploads")["uploads"] if each["filename"] == "2.mp3"), page)


@pytest.mark.parametrize(
    ("locale", "details", "choose", "said"),
    [
        ("en-US", "Details", "Choose a cover", "The cover was not accepted: it must be a JPEG, PNG, WebP or GIF"),
        ("ko-KR", "상세 정보", "앨범 표지 선택", "표지를 저장하지 못했습니다. JPEG, PNG, WebP, GIF 그림만"),
    ],
)
def test_an_invalid_cover_is_refused_with_a_reason_and_the_old_one_shown(
    line: SlowProxy, visitor: Visitor, mp3: Make, tmp_path: Path, locale: str, details: str, choose: str, said: str
) -> None:
    visitor.failed_loads_expected = True
    cover = tmp_path / "cover.png"
    page = visitor.visit(line.url, locale=locale)
    pick(page, mp3("kept.mp3", LONG))
    state(page, "kept.mp3", "sending")
    row(page, "kept.mp3").get_by_role("button", name=details).click()
    cover.write_bytes(png(30, 20))
    choose_cover(page, "kept.mp3", cover, choose)
    image = row(page, "kept.mp3").locator("img")
    saved = row(page, "kept.mp3").locator("[data-ref=saved]")
    expect(image).to_have_js_property("naturalWidth", 30)
    expect(saved).not_to_be_empty()
    cover.write_bytes(SVG)
    choose_cover(page, "kept.mp3", cover, choose)
    expect(saved).to_contain_text(said)
    expect(image).to_have_js_property("naturalWidth", 30)
