"""All states of the admin page."""

from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser.page_objects import pick
from tests.browser.scene import NAMES, Scene, stated
from tests.support.mp3 import make_mp3

TAGS = {
    "en": [
        {"title": "Sunday Night with Kim and the very long guest list", "artist": "Kim & Friends", "album": "Sundays"},
        {"title": "Morning Talk", "artist": "Lee"},
        {},
    ],
    "ko": [
        {"title": "일요일 밤의 음악 여행, 김 피디와 아주 긴 초대 손님 명단", "artist": "김 피디", "album": "일요일"},
        {"title": "아침 이야기", "artist": "이 아나운서"},
        {},
    ],
}
SEARCHES = {"en": "morn", "ko": "아침"}


@dataclass
class Library(Scene):
    """The admin page of a server without files; `sender` is its upload page."""

    sender: Page

    def play(self) -> None:
        """Bring the page into every state."""
        self.page.goto(f"{self.server.url}/admin")
        expect(self.page.locator("[data-ref=sign-in]")).to_be_visible()
        self.look("library-sign-in")
        self.page.goto(f"{self.server.url}/admin#token={self.server.token}")
        self.empty()
        self.fill()
        self.files()
        self.flight()

    def empty(self) -> None:
        """Show the three empty lists."""
        for name in ("files", "flight", "rejected"):
            self.turn_to(name)
            expect(self.page.locator(f"[data-ref=section-{name}] .empty")).to_be_visible()
            self.look(f"library-no-{name}")

    def fill(self) -> None:
        """Send three files that are stored, two that are rejected, and two that are still uploading."""
        names = NAMES[self.language]
        ready = [self.folder / name for name in names[:3]]
        for number, (path, tags) in enumerate(zip(ready, TAGS[self.language], strict=True)):
            path.write_bytes(make_mp3(60 * 10**number, tags or None, seed=8000 + number))
        text, cut = self.folder / "notes.mp3", self.folder / names[3]
        text.write_text("not a sound\n" * 5000)
        cut.write_bytes(make_mp3(30, seed=8010)[:-100])
        self.line.rate = None
        pick(self.sender, *ready, text, cut)
        expect(stated(self.sender, "ready")).to_have_count(3, timeout=30_000)
        expect(stated(self.sender, "rejected")).to_have_count(2, timeout=20_000)
        self.line.rate = 600_000
        coming = [self.folder / f"{number} {names[1]}" for number in (1, 2)]
        for number, path in enumerate(coming):
            path.write_bytes(make_mp3(1500, seed=8020 + number))
        pick(self.sender, *coming)
        expect(stated(self.sender, "sending")).to_have_count(2)

    def files(self) -> None:
        """Show the list, a search, and the player."""
        page = self.page
        self.turn_to("files")
        page.reload()
        expect(page.locator("tbody tr")).to_have_count(3)
        self.look("library-files")
        page.get_by_role("searchbox").fill("?" * 3)
        expect(page.locator(".empty:visible")).to_be_visible()
        self.look("library-none-found")
        page.get_by_role("searchbox").fill(SEARCHES[self.language])
        expect(page.locator("tbody tr")).to_have_count(1)
        self.look("library-search")
        page.locator("[data-play]").first.click()
        expect(page.locator("[data-ref=player]")).to_be_visible()
        self.look("library-player")

    def flight(self) -> None:
        """Show open uploads and rejected files."""
        self.turn_to("flight")
        expect(self.page.locator(".row:visible")).to_have_count(2)
        expect(self.page.locator(".row:visible .pace").first).to_contain_text("·", timeout=15_000)
        self.look("library-flight")
        self.turn_to("rejected")
        expect(self.page.locator(".row:visible")).to_have_count(2)
        self.look("library-rejected")

    def turn_to(self, section: str) -> None:
        """Open a section by its tab."""
        self.page.locator(f'.tabs a[href="#{section}"]').click()
