"""All states of what pages show of people: signing in by an invitation, guest links, and the admin's sections."""

import json
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import expect

from tests.browser.page_objects import pick
from tests.browser.scene import NAMES, Scene, stated
from tests.support.mp3 import make_mp3
from tests.support.server import Server

PEOPLE_STATES = (
    *("guest", "guest-missing", "guest-done", "guest-ended", "guest-passphrase", "invited", "signed-in"),
    *(
        "people",
        "person-form",
        "person-secret",
        "person-erase",
        "shows",
        "show-form",
        "links",
        "link-form",
        "link-secret",
    ),
    *("tokens", "token-form", "audit"),
)

WORDS = {
    "en": {
        "show": "Sunday Night",
        "person": "Kim, who reads the news",
        "link": "Contributions to Sunday Night",
        "note": "Two pieces each, please.\nThank you!",
    },
    "ko": {
        "show": "일요일 밤의 음악 여행",
        "person": "뉴스 읽는 김 아나운서",
        "link": "일요일 밤에 보낼 녹음",
        "note": "한 분에 두 편씩 보내 주세요.\n고맙습니다!",
    },
}
ASKS = {"name": "required", "email": "optional", "title": "optional"}


def ask(server: Server, method: str, path: str, body: object = None) -> Any:
    """Send a request to the API as admin; return the response."""
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{server.url}/api/v1/{path}", sent, headers, method=method), timeout=20) as response:
        content = response.read()
        return json.loads(content) if content else None


class PeopleScenes(Scene):
    """A page in each of PEOPLE_STATES, of a server on which uploading needs an account or a link."""

    states = PEOPLE_STATES
    host = "0.0.0.0"

    def play(self) -> None:
        """Bring the page into every state of PEOPLE_STATES."""
        words = WORDS[self.language]
        ask(self.server, "POST", "collections", {"slug": "sunday", "title": words["show"], "bytes_max": 50 << 30})
        self.guest()
        self.invitation()
        self.manage()

    def guest(self) -> None:
        """Open a link, send a file by it, and close it; open one with a passphrase."""
        words, page = WORDS[self.language], self.page
        terms = {"title": words["link"], "note": words["note"], "asks": ASKS, "files_max": 10, "bytes_max": 12 << 30}
        link = ask(self.server, "POST", "links", terms)
        page.goto(link["url"])
        expect(page.locator("[data-asked=email]")).to_be_visible()
        self.look("guest")
        file = self.folder / NAMES[self.language][0]
        file.write_bytes(make_mp3(10, seed=8500 + len(self.language)))
        pick(page, file)
        expect(page.locator("[data-ref=link-said]")).to_be_visible()
        self.look("guest-missing")
        page.locator("[data-asked=name] input").fill("Park")
        expect(stated(page, "ready")).to_have_count(1)
        self.look("guest-done")
        ask(self.server, "DELETE", f"links/{link['id']}")
        self.reload()
        page.locator(".sent-uploads summary").click()
        expect(page.locator(".sent-line")).to_be_visible()
        self.look("guest-ended")
        secret = ask(self.server, "POST", "links", {"title": words["link"], "passphrase": "open sesame"})
        page.goto(secret["url"])
        page.locator(".passphrase input").fill("wrong")
        page.locator(".passphrase button").click()
        expect(page.locator(".passphrase .note")).not_to_be_empty()
        self.look("guest-passphrase")

    def invitation(self) -> None:
        """Sign in by an invitation."""
        page = self.page
        person = {"name": WORDS[self.language]["person"], "role": "editor", "collections": "all"}
        limits = {"files": 20, "bytes": 10 << 30}
        page.goto(ask(self.server, "POST", "people", person | {"limits": limits})["invitation_url"])
        expect(page.locator(".sign-in-form")).to_be_visible()
        self.look("invited")
        page.locator("[data-ref=new_password]").fill("correct horse")
        page.locator(".sign-in-form button").click()
        expect(page.locator(".show-choice")).to_be_visible()
        self.look("signed-in")

    def manage(self) -> None:
        """Open the admin's sections, their forms, and what they show once."""
        page = self.page
        page.goto(f"{self.server.url}/admin#token={self.server.token}")
        self.section("people", "person-form")
        page.locator("dialog [name=name]").fill("Lee")
        self.save()
        self.look("person-secret")
        page.keyboard.press("Escape")
        page.locator("[data-do=erase]").first.click()
        self.look("person-erase")
        page.keyboard.press("Escape")
        self.section("shows", "show-form")
        page.keyboard.press("Escape")
        self.section("links", "link-form")
        page.locator("dialog [name=title]").fill(WORDS[self.language]["link"])
        self.save()
        self.look("link-secret")
        page.keyboard.press("Escape")
        self.section("tokens", "token-form")
        page.keyboard.press("Escape")
        page.locator('.tabs a[href="#audit"]').click()
        expect(page.locator(".row:visible").first).to_be_visible()
        self.look("audit")

    def section(self, name: str, form: str) -> None:
        """Open a section, and its form with an error and its further fields."""
        page = self.page
        page.locator(f'.tabs a[href="#{name}"]').click()
        expect(page.locator(".row:visible").first).to_be_visible()
        self.look(name)
        page.locator(f"[data-ref=section-{name}] .tools .main").click()
        if page.locator("dialog summary").count():
            page.locator("dialog summary").click()
        page.locator("dialog [data-ref=save]").click()
        expect(page.locator("dialog [aria-invalid]")).to_have_count(1)
        self.look(form)

    def save(self) -> None:
        """Save a form that shows a secret."""
        self.page.locator("dialog [data-ref=save]").click()
        expect(self.page.locator("dialog code")).to_be_visible()
