"""Files for the librarian, sent by the API, and what the service has measured of them."""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from media_service.catalogue.rows import loudness_row
from media_service.core.files import LoudnessReport
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server

FINISHED_SECONDS = 30.0


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
