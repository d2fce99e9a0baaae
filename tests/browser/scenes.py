"""All states of the upload page."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

from tests.browser.page_objects import drop, pick
from tests.browser.scene import NAMES, Scene, stated
from tests.support.mp3 import make_mp3, mislabel_title

STATES = (
    "kept",
    "empty",
    "queue",
    "sending",
    "details",
    "offline",
    "paused",
    "cancel",
    "waiting-for-file",
    "wrong-file",
    "verifying",
    "ended",
    "stored",
    "sent",
    "refusals",
)
"""`kept` is a page whose modules are still on their way. `queue` has a file that asks, one left out and two equal ones.
`ended` shows ready, ready with a remark, duplicate, rejected, refused and cancelled together; `stored` a queue that
came through, unfolded; `sent` the list of what was sent from this browser, with a receipt."""

MAIN = "**/main.js"


@dataclass
class Stage(Scene):
    """The upload page in each of STATES."""

    states = STATES

    def __post_init__(self) -> None:
        seed = 9000 if self.language == "en" else 9500
        self.long, self.talk, self.jingle, self.news = (self.folder / name for name in NAMES[self.language])
        for number, (path, seconds) in enumerate(
            ((self.long, 1500), (self.talk, 1200), (self.jingle, 20), (self.news, 30))
        ):
            path.write_bytes(make_mp3(seconds, seed=seed + number))
        mislabel_title(self.talk, "밤의 음악 여행")
        self.copy = self.folder / f"2 {self.jingle.name}"
        self.copy.write_bytes(self.jingle.read_bytes())
        # So that the page offers a notification of the end.
        self.page.context.grant_permissions(["notifications"])
        self.text, self.empty = self.folder / "notes.txt", self.folder / "empty.mp3"
        self.text.write_text("not a sound\n" * 5000)
        self.empty.write_bytes(b"")

    def play(self) -> None:
        """Bring the page into every state of STATES."""
        self.wait_for_modules()
        self.look("empty")
        self.send()
        self.hold_up()
        self.come_back()
        self.end()
        self.sum_up()
        self.refuse()

    def wait_for_modules(self) -> None:
        """Drop a file before the modules are loaded; then reload."""
        page = self.page
        page.route(MAIN, lambda _: None)
        page.goto(self.line.url, wait_until="commit")
        page.locator("main.scripted [data-ref=choose]").wait_for()
        drop(page, self.jingle)
        expect(page.locator(".wait-for-page")).to_be_visible()
        self.look("kept")
        page.unroute(MAIN)
        self.reload()

    def send(self) -> None:
        """Show files that are being sent."""
        page = self.page
        self.line.rate = 1_200_000
        pick(page, self.long, self.talk, self.jingle, self.copy, self.news, self.text, self.empty)
        pick(page, self.text)
        expect(stated(page, "sending")).to_have_count(2)
        expect(stated(page, "same")).to_have_count(1)
        self.look("queue")
        expect(page.locator("[data-ref=sum]")).to_contain_text(re.compile("left|남음"))
        self.look("sending")
        page.locator(".row [data-action=details]").first.click()
        self.look("details")
        page.locator(".row [data-action=details]").first.click()

    def hold_up(self) -> None:
        """Show a lost connection and a pause."""
        page = self.page
        self.line.cut()
        expect(page.locator("[data-ref=line]")).to_be_visible()
        expect(stated(page, "waiting")).to_have_count(2)
        self.look("offline")
        self.line.start()
        expect(page.locator("[data-ref=line]")).to_be_hidden(timeout=40_000)
        page.locator("[data-ref=pause-all]").click()
        expect(stated(page, "paused").first).to_be_visible()
        self.look("paused")
        page.locator(".row [data-action=cancel]").first.click()
        self.look("cancel")

    def come_back(self) -> None:
        """Continue after a reload, at first with the wrong file."""
        page = self.page
        self.reload()
        expect(stated(page, "needs_file").first).to_be_visible()
        self.look("waiting-for-file")
        with page.expect_file_chooser() as chooser:
            page.locator(".row [data-action=choose]").first.click()
        chooser.value.set_files(str(self.news))
        expect(page.locator(".note:visible").first).to_be_visible()
        self.look("wrong-file")
        while stated(page, "needs_file").count():
            cancel(stated(page, "needs_file").first)

    def end(self) -> None:
        """Show every final state of an upload."""
        page, line = self.page, self.line
        line.rate = None
        self.reload()
        pick(page, self.jingle)
        # Looked for in every frame: the state may last shorter than the pauses of `expect`.
        stated(page, "verifying").wait_for()
        with ExitStack() as held:
            for receiver in self.server.receivers:
                held.enter_context(stopped(receiver))
            self.look("verifying")
        expect(stated(page, "ready")).to_have_count(1)
        pick(page, self.jingle)
        expect(stated(page, "duplicate")).to_have_count(1)
        rejected, cut, odd = (self.folder / name for name in ("Notes.mp3", "Cut.mp3", "Odd.mp3"))
        rejected.write_bytes(self.text.read_bytes())
        cut.write_bytes(self.news.read_bytes()[:-100])
        odd.write_bytes(self.news.read_bytes() + b"?" * 100)
        pick(page, rejected, cut, odd, self.empty)
        expect(stated(page, "rejected")).to_have_count(2)
        expect(stated(page, "ready")).to_have_count(2)
        line.rate = 300_000
        pick(page, self.talk)
        expect(stated(page, "sending")).to_have_count(1)
        cancel(stated(page, "sending"))
        self.look("ended")

    def sum_up(self) -> None:
        """Show a finished queue, and the list of sent uploads after a reload."""
        page = self.page
        self.reload()
        self.line.rate = None
        files = [self.folder / f"{number} {self.news.name}" for number in range(1, 6)]
        for number, file in enumerate(files):
            file.write_bytes(make_mp3(10 + number, seed=9900 + number))
        pick(page, *files)
        expect(page.locator("[data-ref=finished]")).to_be_visible()
        expect(page.locator("[data-ref=whole]")).to_be_hidden()
        page.locator("[data-ref=finished] summary").click()
        self.look("stored")
        self.reload()
        page.locator("[data-ref=sent-uploads] > summary").click()
        page.locator(".sent-line [data-ref=show]").first.click()
        self.look("sent")

    def refuse(self) -> None:
        """Show refusals: damage, other file types, an MP3 with another extension."""
        page = self.page
        self.line.rate = None
        self.reload()
        hole, wave, picture, other = (self.folder / name for name in ("Hole.mp3", "Talk.wav", "cover.jpg", "Park.bin"))
        content = bytearray(make_mp3(120, seed=9900))
        for start, stop in ((62, 68), (90, 91)):
            content[start * 16_000 : stop * 16_000] = bytes((stop - start) * 16_000)
        hole.write_bytes(content)
        wave.write_bytes(b"RIFF\0\0\0\0WAVEfmt " + bytes(5000))
        picture.write_bytes(b"\xff\xd8\xff\xe0" + bytes(5000))
        other.write_bytes(make_mp3(5, seed=9901))
        # One at a time: of several, those that are not MP3 are left out.
        for file in (hole, wave, picture, self.text, other):
            pick(page, file)
        expect(stated(page, "refused")).to_have_count(3)
        expect(stated(page, "asking").locator("[data-action=accept]")).to_have_count(1)
        expect(stated(page, "rejected")).to_have_count(1)
        self.look("refusals")


def cancel(row: Locator) -> None:
    """Cancel an upload, and confirm if the page asks."""
    page, key = row.page, row.get_attribute("id")
    row.locator("[data-action=cancel]").click()
    sure = page.locator(f"#{key} [data-action=sure]")
    if sure.count():
        sure.click()
    expect(page.locator(f'#{key}[data-state="cancelled"]')).to_be_visible()


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Suspend a process."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)
