"""All states of the panel of a file, and of the player below it."""

from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.desk import ask, draw_cover, measure, stored, with_holes
from tests.browser.scene import Scene
from tests.support.mp3 import make_mp3, mislabel_title
from tests.support.pictures import SVG

PANEL_STATES = (
    "panel",
    "panel-playing",
    "panel-facts",
    "panel-edited",
    "panel-wrong",
    "panel-unsaved",
    "panel-conflict",
    "panel-cover",
    "panel-damaged",
    "panel-garbled",
    "panel-bare",
    "panel-taken",
    "player-away",
)
"""`panel-bare` is a file without tags, cover, chapters and loudness; `player-away` one whose server was killed."""

WORDS = {
    "en": {
        "title": "Sunday Night with Kim and the very long guest list",
        "artist": "Kim & Friends",
        "album": "Sundays",
        "comment": "Recorded in studio 2.\nThe second guest joins by phone.",
        "chapters": ("Greeting", "The news of the week", "A walk through the harbour", "Weather", "Good night"),
        "sender": "Park, the night editor",
        "mine": "Sunday with Kim",
        "theirs": "Sunday Night, with Kim",
        "damaged": "Interview, damaged.mp3",
        "bare": "raw take 17.mp3",
    },
    "ko": {
        "title": "일요일 밤의 음악 여행, 김 피디와 아주 긴 초대 손님 명단",
        "artist": "김 피디와 친구들",
        "album": "일요일",
        "comment": "2스튜디오에서 녹음.\n두 번째 손님은 전화로 함께합니다.",
        "chapters": ("인사", "이번 주 소식", "항구 산책", "날씨", "마침 인사"),
        "sender": "밤 편집자 박 기자",
        "mine": "일요일, 김 피디와",
        "theirs": "일요일 밤, 김 피디와",
        "damaged": "대담, 손상됨.mp3",
        "bare": "원본 17.mp3",
    },
}
STARTS = (0, 14, 31.5, 52, 66)
SECONDS = 80


class PanelScenes(Scene):
    """The admin page in each of PANEL_STATES, with what the server has measured."""

    states = PANEL_STATES

    def play(self) -> None:
        """Bring the page into every state of PANEL_STATES."""
        self.words: dict[str, Any] = WORDS[self.language]
        self.send()
        self.page.goto(f"{self.server.url}/admin#token={self.server.token}")
        self.page.goto(f"{self.server.url}/admin#files")
        expect(self.page.locator("tbody tr")).to_have_count(4)
        self.known()
        self.edit()
        self.conflict()
        self.covers()
        self.others()
        self.take()
        self.away()

    def send(self) -> None:
        """Send four files: one with everything, a damaged one, a garbled one, a bare one."""
        words, server = self.words, self.server
        sound = make_mp3(SECONDS, seed=7100)
        chapters = [{"start": at, "title": name} for at, name in zip(STARTS, words["chapters"], strict=True)]
        tags = {name: words[name] for name in ("title", "artist", "album", "comment")} | {"date": "2026-11-29"}
        ask(server, "POST", "collections", {"slug": "sunday", "title": words["album"]})
        details = {"tags": tags, "chapters": chapters, "sender": words["sender"], "collection": "sunday"}
        show = stored(server, f"{words['title']}.mp3", sound, **details)
        damaged = make_mp3(SECONDS - 20, seed=7200)
        broken = stored(server, words["damaged"], with_holes(damaged, (12, 15), (33, 34)), sender=words["sender"])
        garbled = self.folder / "old.mp3"
        garbled.write_bytes(make_mp3(20, seed=7300))
        mislabel_title(garbled, "밤의 음악 여행")
        stored(server, "old.mp3", garbled.read_bytes())
        measure(server, broken, (0.4, 0.3))
        measure(server, show)
        cover = draw_cover(self.folder / "cover.jpg")
        ask(server, "PUT", f"files/{show['id']}/cover", cover, show["spooled_sha256"])
        stored(server, words["bare"], make_mp3(20, seed=7400))

    def known(self) -> None:
        """Show what is known of a file, and play it."""
        panel = self.open(self.words["title"])
        expect(panel.locator(".cover")).to_have_attribute("data-state", "some")
        self.look("panel")
        box = panel.locator(".waveform").bounding_box()
        assert box
        panel.locator(".waveform").click(position={"x": box["width"] * 0.55, "y": 20})
        expect(panel.locator(".chapter-now")).to_have_text(self.words["chapters"][2])
        panel.locator("[data-ref=wave-toggle]").click()
        self.look("panel-playing")
        panel.locator(".history summary").click()
        expect(panel.locator(".history li")).to_have_count(2)
        panel.locator(".history li").last.scroll_into_view_if_needed()
        self.look("panel-facts")
        panel.locator(".history summary").click()
        self.page.locator(".player [data-ref=close]").click()

    def edit(self) -> None:
        """Show unsaved edits, what cannot be saved, and the question before they are lost."""
        panel = self.page.locator(".panel")
        panel.locator("[name=genre]").fill("Talk")
        panel.locator(".waveform").press("End")
        panel.locator(".waveform").press("ArrowLeft")
        panel.locator("[data-ref=add-chapter]").click()
        self.look("panel-edited")
        panel.locator("[data-ref=save]").click()
        expect(panel.locator("[data-wrong-chapter]:not(:empty)")).to_have_count(1)
        panel.locator("[data-ref=discard]").click()
        self.page.locator(".player [data-ref=close]").click()
        panel.locator("[name=date]").fill("soon")
        panel.locator("[data-ref=save]").click()
        expect(panel.locator("#wrong-date")).not_to_be_empty()
        self.look("panel-wrong")
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_be_visible()
        self.look("panel-unsaved")
        self.page.keyboard.press("Escape")
        panel.locator("[data-ref=discard]").click()

    def conflict(self) -> None:
        """Show a conflict with somebody else."""
        panel = self.page.locator(".panel")
        panel.locator("[name=title]").fill(self.words["mine"])
        (file,) = ask(self.server, "GET", "files?collection=sunday")["files"]
        tags = {"title": self.words["theirs"], "genre": "Talk"}
        ask(self.server, "PATCH", f"files/{file['id']}", {"tags": tags}, file["spooled_sha256"])
        panel.locator("[data-ref=save]").click()
        expect(panel.locator(".conflict")).to_be_visible()
        self.look("panel-conflict")
        panel.locator("[data-ref=discard]").click()

    def covers(self) -> None:
        """Show a cover large, and one that is refused."""
        panel = self.page.locator(".panel")
        panel.locator("[data-ref=picture]").set_input_files({"name": "bad.png", "mimeType": "image/png", "buffer": SVG})
        expect(panel.locator("[data-ref=word][data-kind=bad]")).to_be_visible()
        panel.locator("[data-ref=zoom]").click()
        self.look("panel-cover")
        self.page.keyboard.press("Escape")

    def others(self) -> None:
        """Show a damaged, a garbled and a bare file."""
        panel = self.open(self.words["damaged"])
        expect(panel.locator(".places button")).not_to_have_count(0)
        self.look("panel-damaged")
        self.open("old.mp3")
        expect(panel.locator(".suggested")).to_be_visible()
        self.look("panel-garbled")
        self.open(self.words["bare"])
        expect(panel.locator(".cover")).to_have_attribute("data-state", "none")
        self.look("panel-bare")

    def take(self) -> None:
        """Show the damaged file after somebody took it from the spool."""
        (self.server.spool / self.words["damaged"]).unlink()
        (file,) = [one for one in ask(self.server, "GET", "files")["files"] if one["filename"] == self.words["damaged"]]
        with pytest.raises(HTTPError):
            ask(self.server, "GET", f"files/{file['id']}/content")
        panel = self.open(self.words["damaged"])
        expect(panel.locator(".verdict")).to_have_attribute("data-kind", "taken")
        expect(self.page.locator("tbody tr.taken")).to_have_count(1)
        self.look("panel-taken")

    def away(self) -> None:
        """Show the player while the server does not respond."""
        self.open("old.mp3")
        self.server.kill()
        self.page.locator(".panel [data-ref=wave-toggle]").click()
        expect(self.page.locator(".player .word .bad")).not_to_be_empty()
        self.look("player-away")
        self.page.locator(".player [data-ref=close]").click()
        self.server.start()

    def open(self, name: str) -> Locator:
        """Open a file by its row; return the panel."""
        narrow = self.page.locator(".panel [data-ref=panel-close]:visible")
        if narrow.count():
            narrow.click()
        self.page.locator("tbody tr").filter(has_text=name).locator(".title").click()
        panel = self.page.locator(".panel")
        expect(panel.locator("h2")).to_be_visible()
        return panel
