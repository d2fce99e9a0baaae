"""Fixtures of all rigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
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


@pytest.fixture(params=[False, True], ids=["hints", "no hints"])
def is_deaf(request: pytest.FixtureRequest) -> bool:
    """Return whether the second receiver gets no hints."""
    return bool(request.param)
