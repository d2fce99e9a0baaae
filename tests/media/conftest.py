"""What the tests of this room share."""

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
    """One that runs, and is closed behind the test."""
    worker = TagWorker()
    yield worker
    await worker.close()


@pytest.fixture
def players() -> None:
    """The programs that people play files with."""
    for program in ("ffmpeg", "ffprobe", "mediainfo", "mpg123"):
        if shutil.which(program) is None:
            missing(program)
