"""The services for people over a real catalogue."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest_asyncio
import structlog

from media_service.access.assembly import AccessAdapters, AccessParts
from media_service.access.passwords import PasswordHasher
from media_service.access.sign_in import SignIn
from media_service.access.sign_in_throttle import SignInThrottle
from media_service.core.audit import Actor
from media_service.ipc.bus import LocalBus
from media_service.storage.locks import FileLocks
from tests.contracts.catalogues import sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.access.collections import CollectionService
    from media_service.access.guest_links import GuestLinkService
    from media_service.access.people import People
    from media_service.access.tokens import Tokens

ACTOR = Actor("person:admin", "Admin", "t", "192.0.2.9")
"""Who changes something."""


DAY = 24 * 3600 * 1_000_000


@dataclass
class Access:
    """The services of one process. `time` is UTC microseconds; `forgotten` counts the changes."""

    people: People
    tokens: Tokens
    collections: CollectionService
    links: GuestLinkService
    sign_in: SignIn
    accounts: Any
    passwords: PasswordHasher
    rows: Any
    time: int = 1_800_000_000_000_000
    forgotten: int = 0


@pytest_asyncio.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    """Yield the services of one process."""
    ids, passwords, locks = itertools.count(1), PasswordHasher(), FileLocks(tmp_path / "locks")
    async with sqlite(tmp_path) as subject:

        def forget() -> None:
            made.forgotten += 1

        catalogue = subject.catalogue
        accounts = catalogue.accounts
        adapters = AccessAdapters(
            accounts=accounts,
            audit=catalogue.audit,
            collections=catalogue.collections,
            guest_links=catalogue.guest_links,
            locks=locks,
            clock=lambda: made.time,
            new_id=lambda: f"{next(ids):022}",
        )
        log_failure = structlog.get_logger().warning
        parts = AccessParts(adapters, passwords, log_failure=log_failure, link_lifetime=DAY * 30, forget=forget)
        sign_in = SignIn(accounts, passwords, SignInThrottle(LocalBus()), parts.people, lambda: made.time)
        made = Access(
            parts.people,
            parts.tokens,
            parts.collections,
            parts.links,
            sign_in,
            accounts,
            passwords,
            subject.rows,
        )
        yield made
    passwords.close()
    locks.close()
