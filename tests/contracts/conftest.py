"""The catalogue that its suites check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts.catalogues import ADAPTERS, subject_fixture

if TYPE_CHECKING:
    from tests.contracts.catalogues import Subject


subject = subject_fixture(ADAPTERS)


@pytest.fixture
def catalogue(subject: Subject) -> Any:
    return subject.catalogue
