"""One tab of a new Chromium, controlled by DevTools with few of its domains enabled.

Not by playwright, which observes every request with its body: that costs about as much processor time as sending.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from tests.browser.conftest import ARGUMENTS, NAMES

if TYPE_CHECKING:
    from types import TracebackType

STARTS_WITHIN = 30.0
"""Seconds."""


class Tab:
    """A tab of a new Chromium. Errors of DevTools raise RuntimeError."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._profile = tempfile.mkdtemp(prefix="media-bench-profile-")
        self._chromium = subprocess.Popen(
            [
                next(filter(None, map(shutil.which, NAMES))),
                *("--headless", "--remote-debugging-port=0", f"--user-data-dir={self._profile}"),
                *(*ARGUMENTS, "about:blank"),
            ],
            stderr=subprocess.DEVNULL,
        )
        self._http = aiohttp.ClientSession()
        async with asyncio.timeout(STARTS_WITHIN):
            page = await self._page()
        self._socket = await self._http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        return self

    async def _page(self) -> dict[str, Any]:
        """Return the first tab, once the browser has written its port and opened it."""
        told = Path(self._profile) / "DevToolsActivePort"
        while True:
            if told.exists() and (port := told.read_text().partition("\n")[0]):
                async with self._http.get(f"http://127.0.0.1:{port}/json") as response:
                    for target in await response.json(content_type=None):
                        if target["type"] == "page":
                            return dict(target)
            await asyncio.sleep(0.1)

    @property
    def pid(self) -> int:
        """Return the pid of the browser; its other processes are descendants."""
        return self._chromium.pid

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (response := await self._socket.receive_json()).get("id") != number:
            pass
        if "error" in response:
            raise RuntimeError(response["error"]["message"])
        result: dict[str, Any] = response["result"]
        return result

    async def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        response = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return response["result"].get("value")

    async def until(self, expression: str, wanted: object) -> None:
        """Wait until an expression has this value."""
        while await self.value(expression) != wanted:
            await asyncio.sleep(0.1)

    async def open(self, url: str, ready: str) -> None:
        """Open the URL and wait for an element."""
        await self.call("Page.navigate", url=url)
        await self.until(f"document.querySelector({ready!r}) !== null", True)

    async def choose(self, picker: str, file: Path) -> None:
        """Choose a file in a file input."""
        document = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=document["root"]["nodeId"], selector=picker)
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(file)])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._http.close()
        self._chromium.terminate()
        await asyncio.to_thread(self._chromium.wait)
        shutil.rmtree(self._profile, ignore_errors=True)
