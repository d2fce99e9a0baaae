"""API tokens: shown once, never more than their owner, revoked for good."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from media_service.access.credentials import token_digest
from media_service.core.access import Role, Scope
from media_service.core.accounts import Token, TokenKind
from media_service.core.errors.access import InsufficientScope, UnknownPerson, UnknownToken
from media_service.core.errors.requests import Malformed
from media_service.core.people import NewPerson, PersonChange
from tests.access.conftest import ACTOR

if TYPE_CHECKING:
    from media_service.core.accounts import Owner
    from tests.access.conftest import Access


async def person(access: Access, name: str = "Kim", role: Role = Role.SENDER) -> Owner:
    return await access.people.add(NewPerson(name, role), ACTOR)


async def session(access: Access, name: str, owner: str | None, expires_at: int | None = None) -> None:
    token = Token(id=name, kind=TokenKind.SESSION, owner=owner, created_at=access.time, expires_at=expires_at)
    await access.accounts.add_token(token, token_digest(name))


async def test_secret_is_shown_once_and_stored_as_its_digest(access: Access) -> None:
    kim = await person(access)
    token, secret = await access.tokens.add(kim.id, " studio ", [Scope.UPLOAD], ACTOR, lifetime=60)
    assert re.fullmatch(r"ms_[A-Za-z0-9_-]{43}", secret)
    assert (token.name, token.scopes) == ("studio", frozenset({Scope.UPLOAD}))
    assert token.expires_at == access.time + 60_000_000
    assert await access.tokens.of(kim.id) == [token]
    credential = await access.accounts.credential(token_digest(secret))
    assert (credential.token, credential.owner) == (token, kim)
    assert secret not in str(access.rows("SELECT * FROM tokens"))


async def test_two_tokens_have_two_secrets(access: Access) -> None:
    kim = await person(access)
    made = {(await access.tokens.add(kim.id, "t", [Scope.UPLOAD], ACTOR))[1] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize(
    ("scopes", "refusal"), [([Scope.READ], InsufficientScope), ([], Malformed), ([Scope.ADMIN], InsufficientScope)]
)
async def test_token_has_no_more_than_its_owner(access: Access, scopes: list[Scope], refusal: type[Exception]) -> None:
    kim = await person(access)
    with pytest.raises(refusal):
        await access.tokens.add(kim.id, "t", scopes, ACTOR)
    assert await access.tokens.of(kim.id) == []


async def test_only_an_enabled_person_gets_a_token(access: Access) -> None:
    kim = await person(access)
    await access.people.change(kim.id, PersonChange(is_disabled=True), ACTOR)
    for owner in (kim.id, "person:x", "link:x"):
        with pytest.raises(UnknownPerson):
            await access.tokens.add(owner, "t", [Scope.UPLOAD], ACTOR)


async def test_token_of_another_is_unknown(access: Access) -> None:
    kim, lee = await person(access), await person(access, "Lee")
    token, _ = await access.tokens.add(kim.id, "t", [Scope.UPLOAD], ACTOR)
    for token_id, owner in ((token.id, lee.id), (token.id, None), ("x", kim.id), ("x", "")):
        with pytest.raises(UnknownToken):
            await access.tokens.revoke(token_id, owner, ACTOR)
    assert [each.revoked_at for each in await access.tokens.of(kim.id)] == [None]


@pytest.mark.parametrize("by_admin", [False, True])
async def test_revoked_token_is_not_valid_and_is_revoked_twice(access: Access, by_admin: bool) -> None:
    kim = await person(access)
    token, secret = await access.tokens.add(kim.id, "t", [Scope.UPLOAD], ACTOR)
    for _ in range(2):
        await access.tokens.revoke(token.id, "" if by_admin else kim.id, ACTOR)
        assert not (await access.accounts.credential(token_digest(secret))).is_valid(access.time)
        access.time += 1
    assert (await access.tokens.of(kim.id))[0].revoked_at == access.time - 2


async def test_sessions_are_those_that_have_not_expired(access: Access) -> None:
    kim = await person(access)
    await session(access, "a", kim.id, access.time + 5)
    await session(access, "b", kim.id, access.time + 9)
    await session(access, "c", None)
    access.time += 5
    assert [each.id for each in await access.tokens.sessions(kim.id)] == ["b"]
    assert [each.id for each in await access.tokens.sessions(None)] == ["c"]


async def test_session_is_ended_by_its_owner_and_is_no_token(access: Access) -> None:
    kim, lee = await person(access), await person(access, "Lee")
    token, _ = await access.tokens.add(kim.id, "t", [Scope.UPLOAD], ACTOR)
    for name in "ab":
        await session(access, name, kim.id)
    for attempt in (
        access.tokens.end_session("a", lee.id, ACTOR),
        access.tokens.end_session("a", None, ACTOR),
        access.tokens.end_session(token.id, kim.id, ACTOR),
        access.tokens.revoke("a", kim.id, ACTOR),
    ):
        with pytest.raises(UnknownToken):
            await attempt
    await access.tokens.end_session("a", kim.id, ACTOR)
    assert [each.id for each in await access.tokens.sessions(kim.id)] == ["b"]
    await access.tokens.end_sessions(kim, ACTOR)
    assert await access.tokens.sessions(kim.id) == []
    assert [each.revoked_at for each in await access.tokens.of(kim.id)] == [None]


async def test_only_a_session_is_one(access: Access) -> None:
    kim = await person(access)
    token, _ = await access.tokens.add(kim.id, "t", [Scope.UPLOAD], ACTOR)
    await session(access, "a", kim.id)
    assert [await access.tokens.is_session(each) for each in ("a", token.id, "x", None)] == [True, False, False, False]


async def test_names_are_those_of_the_owners(access: Access) -> None:
    kim, lee = await person(access), await person(access, "Lee")
    assert await access.tokens.names_of([kim.id, lee.id, kim.id, "person:x"]) == {kim.id: "Kim", lee.id: "Lee"}


async def test_tokens_and_sessions_that_begin_and_end_are_in_the_audit_trail(access: Access) -> None:
    kim = await person(access)
    token, secret = await access.tokens.add(kim.id, "studio", [Scope.UPLOAD], ACTOR)
    await session(access, "a", kim.id)
    await access.tokens.revoke(token.id, kim.id, ACTOR)
    await access.tokens.revoke(token.id, kim.id, ACTOR)
    await access.tokens.end_session("a", kim.id, ACTOR)
    await access.tokens.end_sessions(kim, ACTOR)
    entries = access.rows("SELECT action, subject, subject_name, details FROM audit WHERE action != 'person_added'")
    assert [entry[:3] for entry in entries] == [
        ("token_made", token.id, "studio"),
        ("token_revoked", token.id, "studio"),
        ("session_ended", "a", ""),
        ("session_ended", kim.id, "Kim"),
    ]
    assert json.loads(entries[0][3]) == {"owner": kim.id, "scopes": ["upload"]}
    assert secret not in str(entries)
