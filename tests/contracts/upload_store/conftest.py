"""Stores of two processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.contracts.upload_store.adapters import ADAPTERS, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.upload_store import UploadStore


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    (tmp_path / "partials").mkdir()
    async with ADAPTERS[request.param](tmp_path / "partials") as subject:
        yield subject


@pytest.fixture
def store(subject: Subject) -> UploadStore:
    return subject.store


@pytest.fixture
def other(subject: Subject) -> UploadStore:
    return subject.other
