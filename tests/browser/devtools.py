"""One tab of a Chromium of its own, told what to do through DevTools, with as little of them switched on as possible.

Not playwright: it watches every request, and what it watches the browser has to tell, body and all. That costs about as
much as sending does.
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
    """`async with Tab() as tab`. What DevTools refuse raises RuntimeError."""

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
        """The first tab, once the browser has written down its port and opened it."""
        told = Path(self._profile) / "DevToolsActivePort"
        while True:
            if told.exists() and (port := told.read_text().partition("\n")[0]):
                async with self._http.get(f"http://127.0.0.1:{port}/json") as answer:
                    for target in await answer.json(content_type=None):
                        if target["type"] == "page":
                            return dict(target)
            await asyncio.sleep(0.1)

    @property
    def pid(self) -> int:
        """The browser's own process; the others are its descendants."""
        return self._chromium.pid

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """A method of the DevTools protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (answer := await self._socket.receive_json()).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, expression: str, wanted: object) -> None:
        """Waits for what an expression is."""
        while await self.value(expression) != wanted:
            await asyncio.sleep(0.1)

    async def open(self, url: str, ready: str) -> None:
        """Goes there and waits for an element."""
        await self.call("Page.navigate", url=url)
        await self.until(f"document.querySelector({ready!r}) !== null", True)

    async def choose(self, picker: str, file: Path) -> None:
        """Puts a file into a file input."""
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
