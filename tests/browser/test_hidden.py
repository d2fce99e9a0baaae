"""A hidden tab continues to send. Playwright shows every tab as visible, so this test uses DevTools."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.browser.devtools import Tab
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG
from tests.support.server import Server

PATIENCE = 60.0
"""Seconds."""

SEEN = "[document.visibilityState, document.documentElement.dataset.awake].join()"
STATE = "document.querySelector('.row')?.dataset.state"


def test_a_hidden_tab_continues_and_releases_the_wake_lock(
    line: SlowProxy, server: Server, mp3: Callable[..., Path]
) -> None:
    file = mp3("behind.mp3", LONG)
    # In a thread, because playwright's event loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, send_behind(line, file)).result()
    assert [path.name for path in server.spool.glob("*.mp3")] == [file.name]


async def send_behind(line: SlowProxy, file: Path) -> None:
    async with asyncio.timeout(PATIENCE), Tab() as tab:
        line.rate = 300_000
        await tab.open(line.url, "html.ready")
        await tab.choose("[data-ref=picker]", file)
        await tab.until(STATE, "sending")
        await tab.until(SEEN, "visible,true")
        other = await tab.call("Target.createTarget", url="about:blank")
        await tab.until(SEEN, "hidden,false")
        line.cut()
        await tab.until(STATE, "waiting")
        line.start()
        await tab.until(STATE, "sending")
        await tab.call("Target.closeTarget", targetId=other["targetId"])
        await tab.until(SEEN, "visible,true")
        line.rate = None
        await tab.until(STATE, "ready")
