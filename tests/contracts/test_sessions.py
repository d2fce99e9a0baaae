"""Suite of `core.ports.sessions.SessionStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from media_service.core.ports.sessions import SessionStore
    from tests.contracts.catalogues import Subject


@pytest.fixture
def store(subject: Subject) -> SessionStore:
    store: SessionStore = subject.catalogue
    return store


async def test_sessions_are_kept_until_they_end_or_expire(store: SessionStore) -> None:
    expired, ended, kept = (bytes([number]) * 32 for number in range(3))
    await store.begin_session(expired, 1, 10)
    await store.begin_session(ended, 2, 100)
    await store.begin_session(kept, 10, 110)
    assert sorted(await store.sessions()) == [(ended, 100), (kept, 110)]
    await store.end_session(ended)
    await store.end_session(ended)
    assert await store.sessions() == [(kept, 110)]
    assert [await store.session(digest) for digest in (expired, ended, kept)] == [None, None, 110]


async def test_sessions_outlive_their_process(subject: Subject, store: SessionStore) -> None:
    await store.begin_session(bytes(32), 1, 10)
    async with subject.reopened() as other:
        assert await other.sessions() == [(bytes(32), 10)]
