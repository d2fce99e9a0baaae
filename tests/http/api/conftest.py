"""Callers of the shared server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.collections import as_caller

if TYPE_CHECKING:
    from tests.support.api import Api


@pytest.fixture
def admin(api: Api) -> Api:
    """Return a client with the admin token."""
    return as_caller(api, api.token)
