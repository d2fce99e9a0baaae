"""The catalogue that its suites check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.contracts.catalogues import ADAPTERS, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with ADAPTERS[request.param](tmp_path) as subject:
        yield subject


@pytest.fixture
def catalogue(subject: Subject) -> Any:
    return subject.catalogue
