"""Tags and cover of a local file, shown before it has arrived."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutagen.id3 import APIC, ID3, TALB, TIT2, TPE1
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG
from tests.support.mp3 import mislabel_title

Make = Callable[..., Path]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def test_tags_and_cover_of_the_file_are_shown_beside_the_fields(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    for version in (3, 4):
        file = mp3(f"tagged {version}.mp3", LONG)
        tag = ID3()
        tag.add(APIC(encoding=3, mime="image/png", type=3, desc="앞", data=PIXEL))
        tag.add(TIT2(encoding=1, text="밤을 잊은 그대에게"))
        tag.add(TPE1(encoding=3 if version == 4 else 1, text="Kim"))
        tag.add(TALB(encoding=0, text="Café"))
        tag.save(file, v2_version=version)
        page = visitor.visit(line.url)
        pick(page, file)
        state(page, file.name, "sending")
        button(page, "Details", file.name).click()
        mine = row(page, file.name)
        expect(mine.get_by_label("Title", exact=True)).to_have_attribute("placeholder", "밤을 잊은 그대에게")
        expect(mine.get_by_label("Artist", exact=True)).to_have_attribute("placeholder", "Kim")
        expect(mine.get_by_label("Album", exact=True)).to_have_attribute("placeholder", "Café")
        cover = mine.get_by_alt_text("Cover")
        expect(cover).to_have_js_property("naturalWidth", 1)
        expect(row(page, file.name).locator("[data-ref=advice]")).to_be_hidden()
        page.close()


def test_the_local_file_can_be_played_while_it_is_sent(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    pick(page, mp3("preview.mp3", LONG))
    state(page, "preview.mp3", "sending")
    button(page, "Details", "preview.mp3").click()
    audio = page.get_by_label("Listen to “preview.mp3”")
    audio.evaluate("audio => audio.play()")
    until(lambda: audio.evaluate("audio => audio.currentTime") > 0.2, page)


def test_korean_tags_labelled_latin_are_offered_and_changed_only_when_asked(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Callable[[str], Any]
) -> None:
    name = unicodedata.normalize("NFD", "부활 콘서트.mp3")
    file = mp3(name, LONG)
    mislabel_title(file, "부활", TPE1(encoding=0, text="Café"))
    page = visitor.visit(line.url)
    pick(page, file)
    shown = unicodedata.normalize("NFC", name)
    sending = state(page, shown, "sending")
    expect(sending).to_contain_text("“ºÎÈ°”. In Korean they read “부활”")
    assert api("uploads?state=receiving")["uploads"][0]["tags"] == {}
    assert api("uploads?state=receiving")["uploads"][0]["filename"] == shown
    button(page, "Use the Korean text", shown).click()
    expect(sending.locator("[data-ref=advice]")).to_be_hidden()
    until(lambda: api("uploads?state=receiving")["uploads"][0]["tags"] == {"title": "부활"}, page)


def test_a_file_other_than_mp3_has_a_warning_but_is_sent(line: SlowProxy, visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "film.mp3"
    file.write_bytes(b"film " * 4_000_000)
    page = visitor.visit(line.url)
    pick(page, file)
    expect(state(page, "film.mp3", "sending")).to_contain_text("does not look like MP3")
