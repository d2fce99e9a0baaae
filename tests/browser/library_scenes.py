"""All states of the admin page."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser.page_objects import pick
from tests.browser.people_scenes import ask
from tests.browser.scene import NAMES, Scene, stated
from tests.support.mp3 import make_mp3
from tests.support.server import Server

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
REASONS = {"en": "An older version; the new one is here already.", "ko": "예전 버전입니다. 새 버전이 이미 있습니다."}

LIBRARY_STATES = (
    *("library-sign-in", "library-no-start", "library-no-files", "library-no-flight", "library-no-rejected"),
    *("library-no-trash", "library-start", "library-files", "library-menu", "library-sender", "library-date"),
    *("library-chips", "library-none-found", "library-search", "library-player", "library-keys"),
    *("library-trashed", "library-reason", "library-trash", "library-purge", "library-flight", "library-cancel"),
    *("library-rejected", "library-force", "library-away", "library-renew"),
)


@dataclass
class Library(Scene):
    """The admin page of a server without files; `sender` is its upload page."""

    sender: Page
    states = LIBRARY_STATES

    def play(self) -> None:
        """Bring the page into every state."""
        self.page.goto(f"{self.server.url}/admin")
        expect(self.page.locator("[data-ref=sign-in]")).to_be_visible()
        self.look("library-sign-in")
        self.page.goto(f"{self.server.url}/admin#token={self.server.token}")
        self.empty()
        self.fill()
        self.files()
        self.trash()
        self.flight()
        self.trouble()

    def empty(self) -> None:
        """Show the start page and the empty lists."""
        expect(self.page.locator(".figure").first).to_be_visible()
        self.look("library-no-start")
        for name in ("files", "flight", "rejected", "trash"):
            self.turn_to(name)
            expect(self.page.locator(f"[data-ref=section-{name}] .empty")).to_be_visible()
            self.look(f"library-no-{name}")

    def fill(self) -> None:
        """Send three files that are stored, two that are rejected, and two that are still uploading."""
        names = NAMES[self.language]
        ready = [self.folder / name for name in names[:3]]
        for number, (path, tags) in enumerate(zip(ready, TAGS[self.language], strict=True)):
            path.write_bytes(make_mp3(60 * 10**number, tags or None, seed=8000 + number))
        # Bytes that belong to nothing: stored, but worth a look.
        ready[1].write_bytes(ready[1].read_bytes() + b"\x17" * 3000)
        text, cut = self.folder / "notes.mp3", self.folder / names[3]
        text.write_text("not a sound\n" * 5000)
        cut.write_bytes(make_mp3(30, seed=8010)[:-100])
        self.line.rate = None
        pick(self.sender, *ready, text, cut)
        expect(stated(self.sender, "ready")).to_have_count(3, timeout=30_000)
        expect(stated(self.sender, "rejected")).to_have_count(2)
        self.line.rate = 600_000
        coming = [self.folder / f"{number} {names[1]}" for number in (1, 2)]
        for number, path in enumerate(coming):
            path.write_bytes(make_mp3(1500, seed=8020 + number))
        pick(self.sender, *coming)
        expect(stated(self.sender, "sending")).to_have_count(2)

    def files(self) -> None:
        """Show the start page, the list, what its chips and rows offer, a search, the player and the keys."""
        page = self.page
        self.turn_to("start")
        expect(page.locator("[data-name=today] strong")).to_have_text("3")
        self.look("library-start")
        self.turn_to("files")
        expect(page.locator("tbody tr")).to_have_count(3)
        self.look("library-files")
        for state, opener in (
            ("library-menu", "[data-do=menu] >> nth=0"),
            ("library-sender", "[data-open=sender]"),
            ("library-date", "[data-open=date]"),
        ):
            page.locator(opener).click()
            expect(page.locator(".pop")).to_be_visible()
            self.look(state)
            page.keyboard.press("Escape")
        page.locator("[data-open=warnings]").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        self.look("library-chips")
        page.locator("[data-unset=warnings]").click()
        page.get_by_role("searchbox").fill("?" * 3)
        expect(page.locator(".empty:visible")).to_be_visible()
        self.look("library-none-found")
        page.get_by_role("searchbox").fill(SEARCHES[self.language])
        expect(page.locator("tbody tr")).to_have_count(1)
        self.look("library-search")
        page.locator("[data-do=play]").first.click()
        expect(page.locator("[data-ref=player]")).to_be_visible()
        self.look("library-player")
        page.locator("[data-ref=player] [data-ref=close]").click()
        page.get_by_role("searchbox").fill("")
        expect(page.locator("tbody tr")).to_have_count(3)
        page.locator("[data-ref=help]").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        self.look("library-keys")
        page.keyboard.press("Escape")

    def trash(self) -> None:
        """Move a file to the trash, and ask before it is deleted there."""
        page = self.page
        page.locator("[data-do=menu]").last.click()
        page.locator(".pop [data-value=trash]").click()
        expect(page.locator(".toast.shown")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(2)
        # The message stays while the pointer is on it, however long the look takes.
        page.locator(".toast").hover()
        self.look("library-trashed")
        page.locator("[data-ref=toast-more]").click()
        page.get_by_role("dialog").get_by_role("textbox").fill(REASONS[self.language])
        self.look("library-reason")
        page.keyboard.press("Escape")
        page.locator("[data-ref=toast-close]").click()
        (file,) = ask(self.server, "GET", "files?sort=-duration&limit=1")["files"]
        discard(self.server, file, REASONS[self.language])
        self.turn_to("trash")
        expect(page.locator(".row:visible")).to_have_count(2)
        self.look("library-trash")
        page.locator("[data-do=purge]").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        self.look("library-purge")
        page.keyboard.press("Escape")

    def flight(self) -> None:
        """Show open uploads and rejected files, and what is asked before one is cancelled or taken."""
        page = self.page
        self.turn_to("flight")
        expect(page.locator(".row:visible")).to_have_count(2)
        expect(page.locator(".row:visible .numbers").first).to_contain_text("·")
        self.look("library-flight")
        page.locator("[data-do=cancel]").first.click()
        self.look("library-cancel")
        page.keyboard.press("Escape")
        self.turn_to("rejected")
        expect(page.locator(".row:visible")).to_have_count(2)
        self.look("library-rejected")
        page.locator("[data-do=force]").first.click()
        self.look("library-force")
        page.keyboard.press("Escape")

    def trouble(self) -> None:
        """Search while the server is away; sign in again after the session has ended."""
        page = self.page
        self.turn_to("files")
        expect(page.locator("tbody tr").first).to_be_visible()
        page.route("**/api/v1/files?*", lambda route: route.abort())
        page.get_by_role("searchbox").fill("jazz")
        expect(page.locator("[data-ref=trouble]")).to_be_visible()
        self.look("library-away")
        page.unroute("**/api/v1/files?*")
        page.locator("[data-ref=trouble-do]").click()
        expect(page.locator("[data-ref=trouble]")).to_be_hidden()
        page.context.clear_cookies(name="media_service_session")
        page.get_by_role("searchbox").fill("")
        expect(page.get_by_role("dialog")).to_be_visible()
        self.look("library-renew")

    def turn_to(self, section: str) -> None:
        """Open a section by its tab."""
        self.page.locator(f'.tabs a[data-section="{section}"]').click()


def discard(server: Server, file: dict[str, Any], reason: str) -> None:
    """Move a file to the trash, as another admin."""
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    headers["If-Match"] = f'"{file["spooled_sha256"]}"'
    body = json.dumps({"reason": reason}).encode()
    request = Request(f"{server.url}/api/v1/files/{file['id']}", body, headers, method="DELETE")
    with urlopen(request, timeout=20) as response:
        response.read()
