"""Persons: added once, changed without losing another's change, and out at once when they are disabled."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.access.credentials import token_digest
from media_service.core.access import Role, Scope
from media_service.core.accounts import Owner, OwnerLimits, Token, TokenKind
from media_service.core.errors.access import NameTaken, UnknownPerson, WrongPassword
from media_service.core.errors.requests import Malformed
from media_service.core.people import INVITATION_SECONDS, NewPerson, PersonChange
from tests.access.conftest import ACTOR

if TYPE_CHECKING:
    from tests.access.conftest import Access

PASSWORD = "correct horse"  # a sample


async def kim(access: Access, **more: object) -> Owner:
    return await access.people.add(NewPerson("Kim", Role.SENDER, **more), ACTOR)  # type: ignore[arg-type]  # of any field


async def sign_in(access: Access, person: Owner) -> str:
    """Return the id of a session of the person."""
    token = Token(id=f"s{access.time}", kind=TokenKind.SESSION, owner=person.id, created_at=access.time)
    await access.accounts.add_token(token, token_digest(token.id))
    return token.id


async def test_added_person_has_a_clean_name_and_no_readable_password(access: Access) -> None:
    limits = OwnerLimits(files=3)
    new = NewPerson("  Kim\u200e  Lee ", Role.EDITOR, password=PASSWORD, collections=None, limits=limits)
    person = await access.people.add(new, ACTOR)
    assert (person.name, person.role, person.all_collections, person.limits) == ("Kim Lee", Role.EDITOR, True, limits)
    assert await access.people.find(person.id) == person
    assert await access.people.named("KIM LEE") == person
    assert await access.passwords.verify(PASSWORD, person.password)
    assert PASSWORD not in str(access.rows("SELECT * FROM owners"))


async def test_name_is_taken_however_it_is_written(access: Access) -> None:
    await kim(access)
    for name in ("kim", "KIM", " Kim\u200e"):
        with pytest.raises(NameTaken):
            await access.people.add(NewPerson(name, Role.SENDER), ACTOR)
    lee = await access.people.add(NewPerson("Lee", Role.SENDER), ACTOR)
    with pytest.raises(NameTaken):
        await access.people.change(lee.id, PersonChange(name="kIM"), ACTOR)
    assert (await access.people.change(lee.id, PersonChange(name="LEE"), ACTOR)).name == "LEE"


async def test_unknown_person_and_links_are_not_found(access: Access) -> None:
    for attempt in (
        access.people.find("link:x"),
        access.people.named("nobody"),
        access.people.change("person:x", PersonChange(role=Role.ADMIN), ACTOR),
        access.people.invite("person:x", ACTOR),
    ):
        with pytest.raises(UnknownPerson):
            await attempt


async def test_concurrent_changes_of_one_person_are_all_kept(access: Access) -> None:
    person = await kim(access)
    await asyncio.gather(
        access.people.change(person.id, PersonChange(role=Role.EDITOR), ACTOR),
        access.people.change(person.id, PersonChange(limits=OwnerLimits(files=1)), ACTOR),
        access.people.change(person.id, PersonChange(is_disabled=True), ACTOR),
        access.people.change(person.id, PersonChange(name="Lee"), ACTOR),
    )
    after = await access.people.find(person.id)
    assert (after.role, after.limits.files, after.name) == (Role.EDITOR, 1, "Lee")
    assert after.disabled_at is not None


async def test_disabled_person_is_out_and_stays_out_when_enabled(access: Access) -> None:
    person = await kim(access, password=PASSWORD)
    session = await sign_in(access, person)
    token, secret = await access.tokens.add(person.id, "studio", [Scope.UPLOAD], ACTOR)
    invitation, _ = await access.people.invite(person.id, ACTOR)
    await access.people.change(person.id, PersonChange(is_disabled=True), ACTOR)
    credential = await access.accounts.credential(token_digest(secret))
    assert not credential.is_valid(access.time)
    assert await access.accounts.token(session) is None
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(invitation, None, None)
    with pytest.raises(UnknownPerson):
        await access.people.invite(person.id, ACTOR)
    await access.people.change(person.id, PersonChange(is_disabled=False), ACTOR)
    assert (await access.accounts.token(token.id)).revoked_at is not None
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(invitation, None, None)


async def test_enabling_ends_tokens_that_an_interrupted_disabling_left(access: Access) -> None:
    person = await kim(access)
    token, _ = await access.tokens.add(person.id, "studio", [Scope.UPLOAD], ACTOR)
    # The process died before it revoked them.
    await access.accounts.save_owner(replace(person, disabled_at=5), "kim")
    await access.people.change(person.id, PersonChange(is_disabled=False), ACTOR)
    assert (await access.accounts.token(token.id)).revoked_at is not None


async def test_another_password_ends_sessions_and_invitations_but_no_api_token(access: Access) -> None:
    person = await kim(access, password=PASSWORD)
    session, (invitation, _) = await sign_in(access, person), await access.people.invite(person.id, ACTOR)
    token, _ = await access.tokens.add(person.id, "studio", [Scope.UPLOAD], ACTOR)
    changed = await access.people.change(person.id, PersonChange(password="another one"), ACTOR)
    assert await access.passwords.verify("another one", changed.password)
    assert await access.accounts.token(session) is None
    assert (await access.accounts.token(token.id)).revoked_at is None
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(invitation, None, None)


async def test_other_changes_end_no_session(access: Access) -> None:
    person = await kim(access, password=PASSWORD)
    session = await sign_in(access, person)
    changed = await access.people.change(person.id, PersonChange(role=Role.ADMIN), ACTOR)
    assert changed.password == person.password
    assert await access.accounts.token(session) is not None


async def test_password_that_is_removed_or_refused(access: Access) -> None:
    person = await kim(access, password=PASSWORD)
    with pytest.raises(Malformed):
        await access.people.change(person.id, PersonChange(password="short"), ACTOR)
    assert (await access.people.find(person.id)).password == person.password
    assert (await access.people.change(person.id, PersonChange(password=""), ACTOR)).password is None
    with pytest.raises(Malformed):
        await kim(access, password="short")


async def test_invitation_is_used_once_and_may_set_a_password(access: Access) -> None:
    person = await kim(access)
    invitation, expires_at = await access.people.invite(person.id, ACTOR)
    assert expires_at == access.time + INVITATION_SECONDS * 1_000_000
    with pytest.raises(Malformed):
        await access.sign_in.with_invitation(invitation, "short", None)
    accepted = await access.sign_in.with_invitation(invitation, PASSWORD, None)
    assert accepted == await access.people.find(person.id)
    assert await access.passwords.verify(PASSWORD, accepted.password)
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(invitation, PASSWORD, None)
    assert invitation not in str(access.rows("SELECT * FROM tokens"))


async def test_password_chosen_by_an_invitation_ends_earlier_sessions(access: Access) -> None:
    person = await kim(access, password=PASSWORD)
    session = await sign_in(access, person)
    token, _ = await access.tokens.add(person.id, "studio", [Scope.UPLOAD], ACTOR)
    await access.sign_in.with_invitation((await access.people.invite(person.id, ACTOR))[0], None, None)
    assert await access.accounts.token(session) is not None
    await access.sign_in.with_invitation((await access.people.invite(person.id, ACTOR))[0], "another one", None)
    assert await access.accounts.token(session) is None
    assert (await access.accounts.token(token.id)).revoked_at is None


async def test_concurrent_uses_of_an_invitation_sign_in_one(access: Access) -> None:
    invitation, _ = await access.people.invite((await kim(access)).id, ACTOR)
    attempts = [access.sign_in.with_invitation(invitation, None, None) for _ in range(8)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    # Some are not even tried, because too many are at once.
    assert sum(isinstance(outcome, Owner) for outcome in outcomes) == 1


async def test_invitation_expires_and_ends_with_the_next(access: Access) -> None:
    person = await kim(access)
    first, _ = await access.people.invite(person.id, ACTOR)
    second, _ = await access.people.invite(person.id, ACTOR)
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(first, None, None)
    access.time += INVITATION_SECONDS * 1_000_000
    with pytest.raises(WrongPassword):
        await access.sign_in.with_invitation(second, None, None)


async def test_each_change_makes_the_process_forget_its_credentials(access: Access) -> None:
    person = await kim(access)
    seen = [access.forgotten]
    await access.people.change(person.id, PersonChange(role=Role.ADMIN), ACTOR)
    seen.append(access.forgotten)
    await access.sign_in.with_invitation((await access.people.invite(person.id, ACTOR))[0], PASSWORD, None)
    seen.append(access.forgotten)
    assert seen == [1, 2, 3]


async def test_each_change_is_in_the_audit_trail_and_a_refused_one_is_not(access: Access) -> None:
    person = await kim(access)
    await access.people.change(person.id, PersonChange(name="Lee", is_disabled=True), ACTOR)
    await access.people.change(person.id, PersonChange(role=Role.ADMIN, is_disabled=False), ACTOR)
    await access.people.invite(person.id, ACTOR)
    with pytest.raises(NameTaken):
        await access.people.add(NewPerson("LEE", Role.SENDER), ACTOR)
    entries = access.rows("SELECT action, actor, actor_name, token, address, subject, subject_name, details FROM audit")
    assert {entry[1:5] for entry in entries} == {("person:admin", "Admin", "t", "192.0.2.9")}
    assert {entry[5] for entry in entries} == {person.id}
    assert [(entry[0], entry[6], json.loads(entry[7])) for entry in entries] == [
        ("person_added", "Kim", {"role": "sender"}),
        ("person_changed", "Lee", {"changed": ["name", "is_disabled"], "disabled": True}),
        ("person_changed", "Lee", {"changed": ["role", "is_disabled"], "role": "admin", "disabled": False}),
        ("invitation_made", "Lee", {}),
    ]
