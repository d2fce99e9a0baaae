"""Sessions of two processes that share a catalogue, and on a full disk."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.access.credentials import FRESH_SECONDS, Credentials
from media_service.core.access import Role
from media_service.core.accounts import Owner, OwnerKind
from media_service.core.errors.service import CatalogueError
from media_service.http.security.sessions import Sessions
from tests.contracts.catalogues import sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.accounts import Token
    from media_service.core.ports.accounts import Accounts

pytestmark = pytest.mark.once

KIM = Owner(id="person:kim", kind=OwnerKind.PERSON, role=Role.ADMIN, name="Kim", created_at=1)


class FullDisk:
    """Other accounts, of which none can be written."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.credential = accounts.credential

    async def add_token(self, _token: Token, _digest: bytes) -> None:
        raise CatalogueError

    async def revoke_token(self, _token_id: str, _now: int) -> bool:
        raise CatalogueError


@pytest_asyncio.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[Accounts]:
    async with sqlite(tmp_path) as subject:
        accounts: Accounts = subject.catalogue.accounts
        await accounts.add_owner(KIM, "kim")
        yield accounts


def process(accounts: Accounts) -> Sessions:
    """Return the sessions of a process with a cache of its own."""
    ids = itertools.count()
    credentials = Credentials(accounts, lambda: 1_000)
    prefix = f"{id(credentials):x}"
    return Sessions(
        accounts, credentials, "token", lifetime=60, clock=lambda: 1_000, new_id=lambda: f"{prefix}-{next(ids)}"
    )


async def begin(sessions: Sessions, owner: Owner | None = None) -> str:
    return await sessions.begin(owner, "Browser", "192.0.2.1")


@pytest.mark.parametrize("owner", [None, KIM])
async def test_another_process_knows_a_session_that_was_just_begun(accounts: Accounts, owner: Owner | None) -> None:
    one, other = process(accounts), process(accounts)
    value = await begin(one, owner)
    found = await other.find(value)
    assert found is not None
    assert (found.owner, found.token.agent, found.token.address) == (owner, "Browser", "192.0.2.1")
    assert await other.find("unknown") is None


async def test_a_session_that_another_process_ends_ends_here_soon(accounts: Accounts) -> None:
    one, other = process(accounts), process(accounts)
    value = await begin(one)
    assert await other.find(value) is not None
    await one.end(value)
    assert await one.find(value) is None
    await asyncio.sleep(FRESH_SECONDS)
    assert await other.find(value) is None


async def test_with_the_admin_token_one_signs_in_on_a_full_disk(accounts: Accounts) -> None:
    full = process(FullDisk(accounts))  # type: ignore[arg-type]  # it needs these methods only
    value = await begin(full)
    assert await full.find(value) is not None
    with pytest.raises(CatalogueError):
        await begin(full, KIM)
    await full.end(value)
    assert await full.find(value) is None


async def test_a_session_that_could_not_be_ended_goes_on_and_says_so(accounts: Accounts) -> None:
    value = await begin(process(accounts), KIM)
    full = process(FullDisk(accounts))  # type: ignore[arg-type]  # it needs these methods only
    with pytest.raises(CatalogueError):
        await full.end(value)
    assert await full.find(value) is not None
