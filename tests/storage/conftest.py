"""What several tests of storage need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.support.lines import storage_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.aside.line import Line


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """A line to who syncs."""
    async with storage_line() as line:
        yield line
