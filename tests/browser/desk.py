"""Files for the librarian: sent by the API, with sound in them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.server import Server

VOICE = (
    "0.55*sin(2*PI*190*t+3*sin(2*PI*3*t))*between(t,3,{end})"
    "*pow(abs(sin(2*PI*t/7.3)*sin(2*PI*t/2.1+1)+0.35*sin(2*PI*t/0.37)),1.3)"
)
"""A tone that rises and falls like speech, after three seconds of silence and before two."""

FINISHED_SECONDS = 30.0


def record(path: Path, seconds: float) -> bytes:
    """Return an MP3 file with sound, written by ffmpeg; `path` is where it does so."""
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    source = f"aevalsrc='{VOICE.format(end=seconds - 2)}':s=44100:d={seconds}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-b:a", "64k", "-f", "mp3", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes()


def draw_cover(path: Path) -> bytes:
    """Return a JPEG picture, drawn by ffmpeg; `path` is where it does so."""
    source = "gradients=s=600x600:n=3:c0=0x0c6a63:c1=0xe9c26a:c2=0x14313a:seed=7:d=1"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", "1", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes()


def with_holes(content: bytes, *holes: tuple[float, float]) -> bytes:
    """Return the file with zeros at these seconds of it, at 64 kbit/s."""
    damaged = bytearray(content)
    for start, stop in holes:
        first, last = (round(second * 8000) for second in (start, stop))
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


def measured(server: Server, file_id: str) -> dict[str, Any]:
    """Return the file once its loudness was measured."""
    end = time.monotonic() + FINISHED_SECONDS
    while (file := ask(server, "GET", f"files/{file_id}"))["loudness"] is None:
        assert time.monotonic() < end, file
        time.sleep(0.1)
    found: dict[str, Any] = file
    return found
