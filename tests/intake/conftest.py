"""Fixtures of all rigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from media_service.media.workers.pool import TagWorker
from tests.intake.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(autouse=True)
async def worker() -> AsyncIterator[TagWorker]:
    """Yield the tag worker of the test's rigs; it starts with the first request."""
    Rig.worker = TagWorker()
    yield Rig.worker
    await Rig.worker.close()
