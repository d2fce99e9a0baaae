"""Passwords are hashed slowly, one at a time, and nobody learns who has one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import argon2
import pytest

from media_service.access.passwords import LANES, MAX_WAITING, MEMORY_KIB, PASSES, PasswordHasher
from media_service.core.errors.limits import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def passwords() -> Iterator[PasswordHasher]:
    hasher = PasswordHasher()
    yield hasher
    hasher.close()


async def test_only_the_right_password_is_verified(passwords: PasswordHasher) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("correct horse ", stored)
    assert not await passwords.verify("", stored)


async def test_equal_passwords_have_different_hashes(passwords: PasswordHasher) -> None:
    assert await passwords.hash("same") != await passwords.hash("same")


async def test_a_hash_has_the_parameters_that_owasp_recommends(passwords: PasswordHasher) -> None:
    parameters = argon2.extract_parameters(await passwords.hash("x"))
    assert (parameters.type, parameters.version) == (argon2.Type.ID, 19)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (MEMORY_KIB, PASSES, LANES)


@pytest.mark.parametrize("stored", [None, "", "plain"])
async def test_nobody_signs_in_without_a_hash(passwords: PasswordHasher, stored: str | None) -> None:
    assert not await passwords.verify("", stored)
    assert not await passwords.verify("x", stored)


async def test_a_composed_letter_is_the_same_however_it_was_typed(passwords: PasswordHasher) -> None:
    assert await passwords.verify("u\u0308ber \u1112\u1161\u11ab", await passwords.hash("\u00fcber \ud55c"))


async def test_a_password_may_have_any_characters(passwords: PasswordHasher) -> None:
    for password in ("\ud800", "\0", "p" * 64_000):
        assert await passwords.verify(password, await passwords.hash(password))


async def test_a_hash_with_other_parameters_is_verified(passwords: PasswordHasher) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x")
    assert await passwords.verify("x", old)


async def test_one_more_than_may_wait_is_refused_and_the_others_are_served(passwords: PasswordHasher) -> None:
    stored = await passwords.hash("x")
    crowd = [asyncio.create_task(passwords.verify("x", stored)) for _ in range(MAX_WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests) as refused:
        await passwords.verify("x", stored)
    assert refused.value.details() == {"retry_after": 1}
    assert all(await asyncio.gather(*crowd))
    assert await passwords.verify("x", stored)


async def test_a_caller_who_went_away_frees_their_place(passwords: PasswordHasher) -> None:
    crowd = [asyncio.create_task(passwords.hash("x")) for _ in range(MAX_WAITING + 1)]
    await asyncio.sleep(0)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert await passwords.hash("x")
