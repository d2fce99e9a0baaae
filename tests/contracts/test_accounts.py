"""Suite of `core.ports.accounts.Accounts`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.access import Role, Scope
from media_service.core.accounts import Owner, OwnerKind, OwnerLimits, Token, TokenKind
from media_service.core.audit import Actor, AuditEntry
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from media_service.core.ports.accounts import Accounts
    from tests.contracts.catalogues import Subject

KINDS = tuple(TokenKind)

FULL_OWNER = Owner(
    id="person:kim",
    kind=OwnerKind.PERSON,
    role=Role.EDITOR,
    name="김 DJ",
    password="$argon2id$v=19$…",  # a sample
    all_collections=True,
    collections=frozenset({"c1", "c2"}),
    limits=OwnerLimits(files=3, bytes=2**40, file_bytes=2**30),
    created_by="person:admin",
    created_at=5,
    seen_at=6,
    disabled_at=7,
)
"""An owner that sets every field."""

FULL_TOKEN = Token(
    id="t",
    kind=TokenKind.API,
    owner="person:kim",
    name="studio",
    scopes=frozenset({Scope.UPLOAD, Scope.READ}),
    collection="c1",
    created_at=5,
    expires_at=50,
    used_at=6,
    revoked_at=40,
    agent="Firefox",
    address="192.0.2.1",
)
"""A token that sets every field."""


@pytest.fixture
def accounts(subject: Subject) -> Accounts:
    for name in ("c1", "c2", "c3"):
        subject.write(f"INSERT INTO collections (id, slug, title, created_at) VALUES ('{name}', '{name}', '', 1)")
    accounts: Accounts = subject.catalogue.accounts
    return accounts


def person(name: str, **changes: Any) -> Owner:
    plain: dict[str, Any] = {"id": f"person:{name}", "kind": OwnerKind.PERSON, "role": Role.SENDER, "name": name}
    return Owner(**plain | {"created_at": 1} | changes)


def token(name: str, owner: str | None = "person:kim", **changes: Any) -> Token:
    plain: dict[str, Any] = {"id": name, "kind": TokenKind.API, "owner": owner, "created_at": 1}
    return Token(**plain | changes)


def digest(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


async def add(accounts: Accounts, *tokens: Token) -> None:
    for each in tokens:
        await accounts.add_token(each, digest(each.id))


async def ids(accounts: Accounts, owner: str | None = "person:kim", kinds: tuple[TokenKind, ...] = KINDS) -> list[str]:
    return [each.id for each in await accounts.tokens(owner, kinds)]


@pytest.mark.parametrize("owner", [FULL_OWNER, person("kim"), person("a", id="link:a", kind=OwnerKind.LINK)])
async def test_owner_is_read_as_it_was_added(accounts: Accounts, owner: Owner) -> None:
    assert await accounts.add_owner(owner, None)
    assert await accounts.owner(owner.id) == owner
    assert await accounts.owner("person:nobody") is None


async def test_owner_gets_a_row_of_usage(subject: Subject, accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    assert subject.rows("SELECT * FROM usage WHERE id = 'person:kim'") == [("person:kim", 0, 0, 0, 0)]


async def test_owner_outlives_the_process(subject: Subject, accounts: Accounts) -> None:
    await accounts.add_owner(FULL_OWNER, "kim")
    async with subject.reopened() as other:
        assert await other.accounts.owner("person:kim") == FULL_OWNER


async def test_name_is_given_once(accounts: Accounts) -> None:
    assert await accounts.add_owner(person("a"), "kim")
    assert not await accounts.add_owner(person("b", collections=frozenset({"c1"})), "kim")
    assert await accounts.owner("person:b") is None
    assert await accounts.person_named("kim") == person("a")
    assert await accounts.person_named("a") is None


async def test_owners_without_a_folded_name_may_have_equal_names(accounts: Accounts) -> None:
    links = [person("same", id=f"link:{name}", kind=OwnerKind.LINK) for name in "ab"]
    assert [await accounts.add_owner(link, None) for link in links] == [True, True]


async def test_saved_owner_is_read_as_it_was_saved(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim", collections=frozenset({"c1", "c3"})), "kim")
    assert await accounts.save_owner(replace(FULL_OWNER, created_at=1, seen_at=None, created_by=None), "dj")
    saved = await accounts.owner("person:kim")
    assert saved == replace(FULL_OWNER, created_at=1, seen_at=None, created_by=None)
    assert await accounts.person_named("dj") == saved
    assert await accounts.person_named("kim") is None


async def test_saving_leaves_alone_when_an_owner_was_created_and_seen(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim", created_by="person:a"), "kim")
    await accounts.note_seen("person:kim", "t", 9)
    assert await accounts.save_owner(person("kim", created_at=3, seen_at=4, created_by="person:b"), "kim")
    assert await accounts.owner("person:kim") == person("kim", created_by="person:a", seen_at=9)


async def test_owner_is_not_saved_with_the_name_of_another(accounts: Accounts) -> None:
    await accounts.add_owner(person("a"), "a")
    await accounts.add_owner(person("b", collections=frozenset({"c1"})), "b")
    assert not await accounts.save_owner(person("b", role=Role.ADMIN), "a")
    assert await accounts.owner("person:b") == person("b", collections=frozenset({"c1"}))


async def test_owner_that_is_gone_is_not_saved(accounts: Accounts) -> None:
    assert not await accounts.save_owner(person("gone"), "gone")
    assert await accounts.owner("person:gone") is None


async def test_owners_of_one_kind_are_paged_newest_first(accounts: Accounts) -> None:
    for number, name in enumerate("abcd"):
        await accounts.add_owner(person(name, created_at=number // 2, collections=frozenset({"c1", "c2"})), name)
    await accounts.add_owner(person("l", id="link:l", kind=OwnerKind.LINK), None)
    listed, cursor = [], None
    for _ in range(3):
        page, cursor = await accounts.owners(OwnerKind.PERSON, cursor, 2)
        listed += [owner.name for owner in page]
        if cursor is None:
            break
    assert listed == ["d", "c", "b", "a"]
    assert cursor is None
    assert [owner.id for owner in (await accounts.owners(OwnerKind.LINK, None, 2))[0]] == ["link:l"]


async def test_foreign_cursor_is_malformed(accounts: Accounts) -> None:
    with pytest.raises(Malformed):
        await accounts.owners(OwnerKind.PERSON, "no cursor", 2)


async def test_only_an_enabled_person_is_an_admin(accounts: Accounts) -> None:
    await accounts.add_owner(person("l", id="link:l", kind=OwnerKind.LINK, role=Role.ADMIN), None)
    await accounts.add_owner(person("e", role=Role.EDITOR), "e")
    await accounts.add_owner(person("a", role=Role.ADMIN, disabled_at=1), "a")
    assert not await accounts.has_admin()
    await accounts.save_owner(person("a", role=Role.ADMIN), "a")
    assert await accounts.has_admin()


async def test_token_is_read_as_it_was_added(accounts: Accounts) -> None:
    await accounts.add_owner(FULL_OWNER, "kim")
    await add(accounts, FULL_TOKEN)
    assert await accounts.token("t") == FULL_TOKEN
    assert await accounts.token("u") is None


async def test_credential_is_the_token_with_its_owner(subject: Subject, accounts: Accounts) -> None:
    await accounts.add_owner(FULL_OWNER, "kim")
    await add(accounts, FULL_TOKEN, token("admin", None, kind=TokenKind.SESSION))
    found = await accounts.credential(digest("t"))
    assert found is not None
    assert (found.token, found.owner) == (FULL_TOKEN, FULL_OWNER)
    found = await accounts.credential(digest("admin"))
    assert found is not None
    assert (found.token.id, found.owner) == ("admin", None)
    assert await accounts.credential(digest("x")) is None
    assert digest("t") == subject.rows("SELECT digest FROM tokens WHERE id = 't'")[0][0]


async def test_tokens_are_listed_by_owner_and_kind_newest_first(accounts: Accounts) -> None:
    for name in ("kim", "lee"):
        await accounts.add_owner(person(name), name)
    await add(accounts, token("a"), token("c", created_at=3), token("b", created_at=2, kind=TokenKind.SESSION))
    await add(accounts, token("d", "person:lee"), token("e", None, kind=TokenKind.SESSION))
    assert await ids(accounts) == ["c", "b", "a"]
    assert await ids(accounts, kinds=(TokenKind.API, TokenKind.LINK)) == ["c", "a"]
    assert await ids(accounts, "person:lee") == ["d"]
    assert await ids(accounts, None) == ["e"]
    assert await ids(accounts, "") == ["c", "b", "e", "d", "a"]


async def test_seen_owner_and_used_token_have_the_time(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    await add(accounts, token("a"))
    await accounts.note_seen("person:kim", "a", 7)
    assert await accounts.owner("person:kim") == person("kim", seen_at=7)
    assert await accounts.token("a") == token("a", used_at=7)


async def test_expired_sessions_and_invitations_are_deleted_with_the_next_token(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    await add(accounts, *(token(kind.value, kind=kind, expires_at=10) for kind in KINDS))
    await add(accounts, token("early", created_at=9))
    assert sorted(await ids(accounts)) == sorted([*(kind.value for kind in KINDS), "early"])
    await add(accounts, token("late", created_at=10))
    assert sorted(await ids(accounts)) == ["api", "early", "late", "link"]


async def test_invitation_is_used_once_and_before_it_expires(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    await add(accounts, token("i", kind=TokenKind.INVITATION, expires_at=10), token("a"))
    assert await accounts.use_invitation(digest("i"), 10) is None
    assert await accounts.use_invitation(digest("a"), 9) is None
    assert await accounts.use_invitation(digest("i"), 9) == "person:kim"
    assert await accounts.use_invitation(digest("i"), 9) is None
    used = await accounts.token("i")
    assert used is not None
    assert (used.used_at, used.revoked_at) == (9, 9)


async def test_revoked_token_stays_and_a_session_goes(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    await add(accounts, token("a"), token("b"), token("s", kind=TokenKind.SESSION))
    assert await accounts.revoke_token("a", 8)
    assert await accounts.revoke_token("s", 8)
    assert await accounts.token("a") == token("a", revoked_at=8)
    assert await ids(accounts) == ["b", "a"]


async def test_only_a_valid_token_is_revoked(accounts: Accounts) -> None:
    await accounts.add_owner(person("kim"), "kim")
    await add(accounts, token("a", revoked_at=3), token("b", expires_at=8))
    assert [await accounts.revoke_token(name, 8) for name in ("a", "b", "c")] == [False, False, False]
    assert await accounts.token("a") == token("a", revoked_at=3)


async def test_tokens_of_an_owner_are_revoked_by_kind(accounts: Accounts) -> None:
    for name in ("kim", "lee"):
        await accounts.add_owner(person(name), name)
    await add(accounts, token("a"), token("b", revoked_at=3), token("s", kind=TokenKind.SESSION))
    await add(accounts, token("l", kind=TokenKind.LINK), token("x", "person:lee"))
    await accounts.revoke_tokens_of("person:kim", (TokenKind.API, TokenKind.SESSION), 8)
    revoked = {name: each.revoked_at for name in "abl" if (each := await accounts.token(name))}
    assert revoked == {"a": 8, "b": 3, "l": None}
    assert await accounts.token("s") is None
    assert await accounts.token("x") == token("x", "person:lee")


async def test_audit_entry_is_there_if_and_only_if_the_change_is(subject: Subject, accounts: Accounts) -> None:
    def entry(outcome: str) -> AuditEntry:
        return AuditEntry(at=1, action="a", actor=Actor("person:a"), outcome=outcome)

    assert await accounts.add_owner(person("kim"), "kim", entry("added"))
    assert not await accounts.add_owner(person("lee"), "kim", entry("not added"))
    assert await accounts.save_owner(person("kim"), "kim", entry("saved"))
    assert not await accounts.save_owner(person("lee"), "lee", entry("not saved"))
    await accounts.add_token(token("a"), digest("a"), entry("token"))
    assert await accounts.revoke_token("a", 1, entry("revoked"))
    assert not await accounts.revoke_token("a", 1, entry("not revoked"))
    await accounts.revoke_tokens_of("person:kim", KINDS, 1, entry("all"))
    outcomes = [outcome for (outcome,) in subject.rows("SELECT outcome FROM audit ORDER BY id")]
    assert outcomes == ["added", "saved", "token", "revoked", "all"]
