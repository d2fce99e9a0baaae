"""After a file lies in the spool: how loud it is and where it is silent, once, when there is time for it.

Nobody waits for it. The queue is the catalogue: what was not heard yet is heard after a restart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import Trouble
from media_service.core.files import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Ear
    from media_service.core.ports.spool import Spool

LOOK_AGAIN = 1.0
"""Seconds after which it looks again whether there is time."""

RETRY = 60.0
"""Seconds after a trouble of ours before it goes on."""

log = structlog.get_logger()


class Hearing:
    """Listens to finished files one after the other, while it is `quiet`: starting a program holds up the loop."""

    def __init__(
        self, catalogue: Catalogue, spool: Spool, ear: Ear, *, clock: Callable[[], int], quiet: Callable[[], bool]
    ) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._ear = ear
        self._clock = clock
        self._quiet = quiet

    async def run(self) -> None:
        """Hears what was not heard yet, and then what is delivered, until cancelled."""
        if not self._ear.available:
            log.info("ffmpeg is not installed: loudness and silence are not measured")
            return
        while True:
            try:
                if not self._quiet():
                    await asyncio.sleep(LOOK_AGAIN)
                elif not await self.hear_next():
                    await self._catalogue.delivered()
            except (Trouble, OSError) as trouble:
                log.warning("hearing goes on later", trouble=str(trouble))
                await asyncio.sleep(RETRY)
            except Exception:
                # The top of a task: a bug of ours in what nobody waits for must not be met again and again.
                log.exception("hearing failed")
                await asyncio.sleep(RETRY)

    async def hear_next(self) -> bool:
        """Hears the oldest file that was not heard; False where there is none."""
        file = await self._catalogue.unheard()
        if file is None:
            return False
        try:
            heard = await self._ear.hear(self._spool.path(file.placed.name), file.facts.duration)
        except FileNotFoundError:
            # Its reader took it away.
            heard = Heard()
        await self._catalogue.save_heard(file.id, heard, self._clock())
        return True
