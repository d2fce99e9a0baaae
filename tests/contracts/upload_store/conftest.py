"""Stores of two processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.contracts.upload_store.adapters import PARTIALS, Subject, objects
from tests.support.s3 import ENGINES, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from media_service.core.ports.upload_store import UploadStore

__all__ = ["buckets"]


@pytest.fixture(params=[*PARTIALS, *ENGINES])
def adapter(request: pytest.FixtureRequest, buckets: Buckets, tmp_path: Path) -> AbstractAsyncContextManager[Subject]:
    (tmp_path / "partials").mkdir()
    if request.param in ENGINES:
        return objects(tmp_path / "scratch", buckets.on(request.param).location())
    return PARTIALS[request.param](tmp_path / "partials")


@pytest_asyncio.fixture
async def subject(adapter: AbstractAsyncContextManager[Subject]) -> AsyncIterator[Subject]:
    async with adapter as subject:
        yield subject


@pytest.fixture
def store(subject: Subject) -> UploadStore:
    return subject.store


@pytest.fixture
def other(subject: Subject) -> UploadStore:
    return subject.other
