"""Uppy in Chromium, on a page of another site: drop a file, reload in the middle, and go on."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import chromium
from tests.browser.proxy import SlowProxy
from tests.support.mp3 import make_mp3_of
from tests.support.registry import npm_files
from tests.support.server import Server

MIB = 1024 * 1024
VERSION = "6.0.1"
PAGE = """<!doctype html>
<meta charset="utf-8"><title>Another site</title><link rel="icon" href="data:,">
<p id="zone" style="height: 200px">Drop a file here</p>
<script type="module">
  import { DropTarget, Tus, Uppy } from './uppy.min.mjs'
  window.accepted = []
  const uppy = new Uppy({ autoProceed: true }).use(Tus, {
    endpoint: ENDPOINT, chunkSize: 1024 * 1024,
    onAfterResponse: (request, response) => {
      window.accepted.push([request.getMethod(), Number(response.getHeader('Upload-Offset'))])
    },
  })
  uppy.on('complete', (result) => { window.result = result.successful.length })
  uppy.use(DropTarget, { target: document.body })
  window.ready = true
</script>
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *_given: object) -> None:
        """Log nothing."""


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Yield a browser for this test alone."""
    with chromium() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield another site's address, and its folder with Uppy in it."""
    folder = tmp_path / "site"
    folder.mkdir()
    bundle = npm_files("uppy", VERSION) / "dist" / "uppy.min.mjs"
    (folder / bundle.name).write_bytes(bundle.read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}", folder
        serving.shutdown()
        thread.join()


def test_a_dropped_file_goes_on_after_a_reload(
    browser: Browser,
    site: tuple[str, Path],
    data: Path,
    tmp_path: Path,
) -> None:
    address, folder = site
    source = tmp_path / "uppy.mp3"
    source.write_bytes(make_mp3_of(8 * MIB, seed=121))
    with (
        Server(data, workers=2, disk_reserve=0, allowed_origins=json.dumps([address])) as server,
        SlowProxy(server.url, rate=3_000_000) as line,
    ):
        (folder / "index.html").write_text(PAGE.replace("ENDPOINT", json.dumps(f"{line.url}/tus/")))
        page = browser.new_page()
        page.goto(address)
        _drop(page, source)
        page.wait_for_function("window.accepted.some(([, offset]) => offset >= 3 * 1024 * 1024)")
        page.reload()
        _drop(page, source)
        page.wait_for_function("window.result === 1", timeout=60_000)
        _resumed(page)
        page.context.close()
        assert (server.spool / "uppy.mp3").read_bytes().endswith(source.read_bytes())


def _drop(page: Page, file: Path) -> None:
    """Drag the file from the desktop over the page, and drop it there."""
    page.wait_for_function("window.ready")
    devtools = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": step, "x": 100, "y": 100, "data": dragged})
    devtools.detach()


def _resumed(page: Page) -> None:
    """Assert that the page asked for the offset, and began there."""
    accepted = page.evaluate("window.accepted")
    assert accepted[0][0] == "HEAD"
    assert accepted[0][1] >= 3 * MIB
    assert accepted[1] == ["PATCH", min(accepted[0][1] + MIB, accepted[-1][1])]
