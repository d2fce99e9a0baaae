"""The upload page's states of missing access, of a pause, and of edits after the end."""

from playwright.sync_api import expect

from tests.browser.page_objects import pick, sign_in
from tests.browser.scene import NAMES, Scene, stated
from tests.support.mp3 import make_mp3, mislabel_title

LATE_STATES = ("sign-in-first", "sign-in-wrong", "pausing", "sign-in-ended", "late-details", "name-saved")
SENDERS = {"en": "Larry Longname of Sunday Night", "ko": "일요일 밤의 김 피디"}


class Late(Scene):
    """The upload page of a server that wants its token, in each of LATE_STATES."""

    states = LATE_STATES
    host = "0.0.0.0"

    def play(self) -> None:
        """Bring the page into every state of LATE_STATES."""
        page, line = self.page, self.line
        long, talk, jingle = (self.folder / name for name in NAMES[self.language][:3])
        for number, (path, seconds) in enumerate(((long, 900), (talk, 60), (jingle, 20))):
            path.write_bytes(make_mp3(seconds, seed=9800 + number))
        mislabel_title(talk, "밤의 음악 여행")

        expect(page.locator(".sign-in")).to_be_visible()
        self.look("sign-in-first")
        line.rate = 300_000
        pick(page, long)
        expect(stated(page, "waiting")).to_have_count(1)
        self.sign_in("wrong")
        expect(page.locator(".sign-in-form .note")).not_to_be_empty()
        self.look("sign-in-wrong")

        self.sign_in(self.server.token)
        expect(page.locator(".row .pace").first).to_contain_text("·", timeout=30_000)
        line.rate = 40_000
        page.wait_for_timeout(500)
        page.locator("[data-ref=pause-all]").click()
        expect(stated(page, "paused")).to_have_count(1)
        self.look("pausing")

        line.rate = 300_000
        page.context.clear_cookies(name="media_service_session")
        pick(page, talk, jingle)
        expect(page.locator(".sign-in")).to_be_visible(timeout=30_000)
        expect(stated(page, "waiting")).to_have_count(2)
        self.look("sign-in-ended")

        line.rate = None
        self.sign_in(self.server.token)
        page.locator("[data-ref=resume-all]").click()
        expect(stated(page, "ready")).to_have_count(3, timeout=60_000)
        row = stated(page, "ready").filter(has=page.locator("[data-ref=repair]:not([hidden])"))
        row.locator("[data-action=details]").click()
        self.look("late-details")
        page.locator("[data-ref=sender]").fill(SENDERS[self.language])
        expect(page.locator("[data-ref=sender-saved]")).not_to_be_empty()
        page.wait_for_timeout(2000)
        self.look("name-saved")

    def sign_in(self, token: str) -> None:
        """Sign in, and wait until the banner is gone."""
        banner = sign_in(self.page, token)
        if token == self.server.token:
            expect(banner).to_be_hidden()
