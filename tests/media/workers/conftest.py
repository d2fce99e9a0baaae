"""A tag worker that must leave no process, and a file for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.media.workers.pool import TagWorker
from tests.media.workers.processes import children
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[TagWorker]:
    """Yield a tag worker; check that it leaves no process."""
    worker = TagWorker()
    yield worker
    await worker.close()
    assert children() == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with a title."""
    path = tmp_path / "a.partial"
    path.write_bytes(make_mp3(1, {"title": "밤"}))
    return path
