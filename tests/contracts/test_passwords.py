"""Suite of `core.ports.passwords.Passwords`: slow hashes, one at a time, and nobody learns who has one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media_service.access.passwords import PasswordHasher
from media_service.core.errors.limits import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_service.core.ports.passwords import Passwords

CROWD = 100


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    hasher = PasswordHasher()
    yield hasher
    hasher.close()


async def test_hash_verifies_its_password_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert "correct horse" not in stored
    assert stored != await passwords.hash("correct horse"), "equal passwords must not have equal hashes"
    assert await passwords.verify("correct horse", stored)
    for wrong in ("", "correct", "correct horses", "Correct horse"):
        assert not await passwords.verify(wrong, stored)


async def test_no_password_matches_where_there_is_no_hash(passwords: Passwords) -> None:
    for password in ("", "correct horse"):
        assert not await passwords.verify(password, None)


async def test_crowd_is_refused_and_those_who_wait_are_served(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    tries = (passwords.verify("correct horse", stored if number % 2 else None) for number in range(CROWD))
    ends = await asyncio.gather(*tries, passwords.hash("new"), return_exceptions=True)
    refused = [end for end in ends if isinstance(end, TooManyRequests)]
    assert isinstance(ends[-1], TooManyRequests), "hashing waits in the same line"
    assert 0 < len(refused) < CROWD
    assert {end for end in ends if isinstance(end, bool)} == {True, False}
    assert len(refused) + sum(isinstance(end, bool) for end in ends) == CROWD + 1
    assert await passwords.verify("correct horse", stored)
