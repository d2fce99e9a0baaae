"""What every rig needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from media_service.media.workers.pool import TagWorker
from tests.intake.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(autouse=True)
async def worker() -> AsyncIterator[TagWorker]:
    """The child that the test's rigs ask; it starts with the first question."""
    Rig.worker = TagWorker()
    yield Rig.worker
    await Rig.worker.close()
