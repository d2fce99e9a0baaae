"""One tab of a Chromium of its own, told what to do through DevTools, with as little of them switched on as possible.

Not playwright: it watches every request, and what it watches the browser has to tell, body and all. That costs about as
much as sending does.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from tests.browser.conftest import ARGUMENTS, NAMES

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

STARTS_WITHIN = 30.0
"""Seconds."""


class Tab:
    """`async with Tab() as tab`. What DevTools refuse raises RuntimeError."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._profile = tempfile.mkdtemp(prefix="media-bench-profile-")
        self._chromium = await asyncio.create_subprocess_exec(
            next(filter(None, map(shutil.which, NAMES))),
            *("--headless", "--remote-debugging-port=0", f"--user-data-dir={self._profile}", *ARGUMENTS, "about:blank"),
            stderr=asyncio.subprocess.PIPE,
        )
        self._http = aiohttp.ClientSession()
        async with asyncio.timeout(STARTS_WITHIN):
            async with self._http.get(f"http://{await self._address()}/json") as answer:
                targets = await answer.json(content_type=None)
        page = next(target for target in targets if target["type"] == "page")
        self._socket = await self._http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
        return self

    async def _address(self) -> str:
        assert self._chromium.stderr is not None
        async for line in self._chromium.stderr:
            if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
                return found[1].decode()
        raise RuntimeError("Chromium did not start")

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

    async def open(self, url: str, ready: str) -> None:
        """Goes there and waits for an element."""
        await self.call("Page.navigate", url=url)
        while not await self.value(f"document.querySelector({ready!r}) !== null"):
            await asyncio.sleep(0.1)

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
        await self._chromium.wait()
        shutil.rmtree(self._profile, ignore_errors=True)
