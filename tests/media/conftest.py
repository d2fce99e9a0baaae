"""Fixtures of the tests of media."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.media.workers.pool import TagWorker
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.partial"


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[TagWorker]:
    """Yield a tag worker, and close it after the test."""
    worker = TagWorker()
    yield worker
    await worker.close()


@pytest.fixture
def players() -> None:
    """Require the players that the tests compare with."""
    for program in ("ffmpeg", "ffprobe", "mediainfo", "mpg123"):
        if shutil.which(program) is None:
            missing(program)
