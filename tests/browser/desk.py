"""A librarian's page: its files, sent by the API, with what the service has measured of them, and its panel."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from playwright.sync_api import expect

from media_service.catalogue.rows import loudness_row
from media_service.core.files import LoudnessReport
from media_service.storage.data_folder import DataFolder
from tests.browser.conftest import Visitor
from tests.support.mp3 import make_mp3, mislabel_title
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

FINISHED_SECONDS = 30.0

PASTE = """(input, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', text);
    input.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}"""

ROUND_TRIP = """async (times) => {
    const { seconds, stamp } = await import('/static/js/admin/panel/times.js');
    return times.filter((time) => seconds(stamp(time)) !== time);
}"""

READ = """async (texts) => {
    const { seconds } = await import('/static/js/admin/panel/times.js');
    return texts.map(seconds);
}"""


def draw_cover(path: Path) -> bytes:
    """Return a JPEG picture, drawn by ffmpeg; `path` is where it does so."""
    source = "gradients=s=600x600:n=3:c0=0x0c6a63:c1=0xe9c26a:c2=0x14313a:seed=7:d=1"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", "1", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes()


def with_holes(content: bytes, *holes: tuple[float, float]) -> bytes:
    """Return the file with zeros at these seconds of it, at 128 kbit/s."""
    damaged = bytearray(content)
    for start, stop in holes:
        first, last = (round(second * 16_000) for second in (start, stop))
        damaged[first:last] = bytes(last - first)
    return bytes(damaged)


def ask(server: Server, method: str, path: str, body: object = None, match: str = "") -> Any:
    """Send a request to the API as the admin, JSON or the bytes of `body`; return the response."""
    headers = {"Authorization": f"Bearer {server.token}"}
    if match:
        headers["If-Match"] = f'"{match}"'
    if not isinstance(body, bytes | None):
        headers["Content-Type"], body = "application/json", json.dumps(body).encode()
    request = Request(f"{server.url}/api/v1/{path}", body, headers, method=method)
    with urlopen(request, timeout=30) as response:
        content = response.read()
        return json.loads(content) if content else None


def send(server: Server, name: str, content: bytes, **details: object) -> dict[str, Any]:
    """Send a file; return the upload once it has ended. `details` are members of the request."""
    upload = ask(server, "POST", "uploads", {"filename": name, "length": len(content), **details})
    try:
        ask(server, "PUT", f"uploads/{upload['id']}/slices/0", content)
    except HTTPError as error:  # it is rejected early
        error.close()
    end = time.monotonic() + FINISHED_SECONDS
    while (ended := ask(server, "GET", f"uploads/{upload['id']}"))["state"] not in ("spooled", "rejected"):
        assert time.monotonic() < end, ended
        time.sleep(0.05)
    found: dict[str, Any] = ended
    return found


def stored(server: Server, name: str, content: bytes, **details: object) -> dict[str, Any]:
    """Send a file that is accepted, or is taken anyway; return the file."""
    upload = send(server, name, content, **details)
    if upload["state"] == "rejected":
        ask(server, "POST", f"quarantine/{upload['id']}/force")
        end = time.monotonic() + FINISHED_SECONDS
        while (upload := ask(server, "GET", f"uploads/{upload['id']}"))["state"] != "spooled":
            assert time.monotonic() < end, upload
            time.sleep(0.05)
    file: dict[str, Any] = ask(server, "GET", f"files/{upload['file']['id']}")
    return file


def measure(server: Server, file: dict[str, Any], silences: tuple[float, float] = (3.0, 2.0)) -> None:
    """Write the loudness of a voice as the finisher does, which waits for idle processors; `silences` in seconds."""
    parts, duration = 800, file["duration"]
    seconds = [duration * part / parts for part in range(parts)]
    peaks = [round(voice(second)) if silences[0] < second < duration - silences[1] else 0 for second in seconds]
    report = LoudnessReport(-16.4, 6.2, -1.3, *silences, peaks=tuple(peaks))
    row = loudness_row(file["id"], report, 0)
    columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    with closing(sqlite3.connect(DataFolder(server.data).catalogue, timeout=30)) as connection, connection:
        connection.execute(f"INSERT INTO loudness ({columns}) VALUES ({places})", row)  # our own names


def voice(second: float) -> float:
    """Return the peak of somebody who speaks with pauses, in percent."""
    phrase = abs(math.sin(second / 2.3) * math.sin(second * 0.83 + 1)) + 0.3 * abs(math.sin(second * 5.3))
    return float(min(100.0, 62 * phrase**1.4 + 3))


CHAPTERS = [{"start": 0, "title": "Greeting"}, {"start": 12, "title": "News"}, {"start": 20.5, "title": "Weather"}]
LONG_SECONDS = 1500


class Desk:
    """A librarian's page, and the files of its server by their titles."""

    def __init__(self, server: Server, page: Page) -> None:
        self.server, self.page = server, page
        self.panel = page.locator(".panel")

    def open(self, name: str) -> Locator:
        """Open a file by its row; return the panel."""
        self.page.locator("tbody tr").filter(has_text=name).locator(".title").click()
        expect(self.panel.locator("h2")).to_have_text(name)
        return self.panel

    def file(self, name: str) -> dict[str, Any]:
        """Return a file as the server has it, by its name."""
        files = ask(self.server, "GET", "files?limit=100")["files"]
        (found,) = [file for file in files if file["filename"] == name]
        whole: dict[str, Any] = ask(self.server, "GET", f"files/{found['id']}")
        return whole

    def edit_elsewhere(self, name: str, change: dict[str, Any]) -> None:
        """Change a file as another librarian."""
        file = self.file(name)
        ask(self.server, "PATCH", f"files/{file['id']}", change, file["spooled_sha256"])

    def save(self) -> None:
        """Save, and wait until that is done."""
        self.panel.get_by_role("button", name="Save").click()
        expect(self.panel.locator(".panel-foot [data-ref=word]")).to_contain_text("Saved.")

    def choose(self, button: str, name: str, picture: bytes) -> None:
        """Choose a picture as the cover."""
        with self.page.expect_file_chooser() as chooser:
            self.panel.get_by_role("button", name=button).click()
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": picture})

    def press_until_focused(self, key: str, element: Locator, most: int = 80) -> None:
        """Press the key until the element has the focus."""
        for _ in range(most):
            if has_focus(element):
                return
            self.page.keyboard.press(key)
        expect(element, f"not reached by {key}").to_be_focused()

    def position(self) -> int:
        """Return the player's position in seconds."""
        parts = self.page.locator(".player [data-ref=at]").inner_text().split(":")
        return sum(int(part) * 60**power for power, part in enumerate(reversed(parts)))


@contextmanager
def opened_desk(browser: Browser, folder: Path) -> Iterator[Desk]:
    """Yield the admin of a server with four files; fail if its page had an error."""
    (folder / "data").mkdir()
    visitor = Visitor(browser)
    # Refusals and a server that was killed are failed loads.
    visitor.failed_loads_expected = True
    with Server(folder / "data") as server:
        show = stored(server, "show.mp3", make_mp3(30, seed=70), tags={"title": "Sunday Show"}, chapters=CHAPTERS)
        stored(server, "long.mp3", make_mp3(LONG_SECONDS, {"title": "Long Night"}, seed=71))
        stored(server, "talk.mp3", make_mp3(60, {"title": "Morning Talk", "artist": "Kim"}, seed=72))
        garbled = folder / "old.mp3"
        garbled.write_bytes(make_mp3(20, seed=73))
        mislabel_title(garbled, "밤의 음악 여행")
        stored(server, "old.mp3", garbled.read_bytes())
        measure(server, show)
        page = visitor.visit(f"{server.url}/admin#token={server.token}", questions=True)
        page.goto(f"{server.url}/admin#files")
        expect(page.locator("tbody tr")).to_have_count(4)
        yield Desk(server, page)
        for context in visitor.contexts:
            context.close()
    assert visitor.complaints == []


def has_focus(element: Locator) -> bool:
    """Return whether the keys go to this element."""
    focused: bool = element.evaluate("element => element === document.activeElement")
    return focused
