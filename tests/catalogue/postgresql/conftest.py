"""A session of a database of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from media_service.catalogue.postgresql.session import Session
from tests.services.fixtures import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["database"]


@pytest_asyncio.fixture
async def session(database: str) -> AsyncIterator[Session]:  # pytest passes it
    session = Session(database)
    await session.open()
    yield session
    await session.close()
