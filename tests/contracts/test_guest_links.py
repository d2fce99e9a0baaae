"""Suite of `core.ports.guest_links.GuestLinks`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.access import Scope, Viewer
from media_service.core.accounts import OwnerLimits, Token, TokenKind
from media_service.core.audit import Action, Actor, AuditEntry
from media_service.core.errors.links import UnknownLink
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import Ask, Asks, GuestLink
from media_service.core.usage import Usage
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.guest_links import GuestLinks
    from tests.contracts.catalogues import Subject

FULL = GuestLink(
    id="link:full",
    title="일요일 밤",
    created_at=5,
    note="one\ntwo",
    asks=Asks(name=Ask.REQUIRED, email=Ask.OPTIONAL),
    opens_at=10,
    expires_at=20,
    limits=OwnerLimits(files=2, bytes=2**62, file_bytes=7),
    passphrase="$argon2id$",
    allowed_origins=frozenset({"https://radio.example", "https://b.example"}),
    reference="show 7",
    collection="c",
    created_by="person:p",
    closed_at=15,
)
"""A link that sets every field."""

ENTRY = AuditEntry(at=1, action=Action.LINK_MADE, actor=Actor("person:p"))


@pytest.fixture
def links(subject: Subject) -> GuestLinks:
    links: GuestLinks = subject.catalogue.guest_links
    return links


def token_of(link: GuestLink, number: int = 99) -> Token:
    return Token(
        id=f"t{number}",
        kind=TokenKind.LINK,
        owner=link.id,
        created_at=link.created_at,
        scopes=frozenset({Scope.UPLOAD}),
        collection=link.collection,
    )


async def add(links: GuestLinks, number: int, **changes: Any) -> GuestLink:
    plain: dict[str, Any] = {"id": f"link:{number}", "title": f"Show {number}", "created_at": number}
    link = GuestLink(**plain | changes)
    await links.add_link(link, token_of(link, number), bytes([number]) * 32, ENTRY)
    return link


async def test_a_link_is_kept_with_all_it_says(subject: Subject, links: GuestLinks) -> None:
    await links.add_link(FULL, token_of(FULL), bytes(32), ENTRY)
    plain = await add(links, 1)
    assert [await links.link(link.id) for link in (FULL, plain)] == [FULL, plain]
    assert await links.listed_of_secret(bytes(32)) == await links.listed(FULL.id)
    async with subject.reopened() as other:
        assert await other.guest_links.link(FULL.id) == FULL
    assert await links.link("link:other") is None
    assert await links.listed_of_secret(b"\xff" * 32) is None


async def test_an_added_link_is_an_owner_that_has_used_nothing(subject: Subject, links: GuestLinks) -> None:
    await links.add_link(FULL, token_of(FULL), bytes(32), ENTRY)
    (owner,) = subject.rows("SELECT kind, role, name, files_max, bytes_max, file_bytes_max, created_by FROM owners")
    assert owner == ("link", "sender", "일요일 밤", 2, 2**62, 7, "person:p")
    listed = await links.listed(FULL.id)
    assert listed is not None
    assert (listed.link, listed.usage, listed.collection_slug) == (FULL, Usage(), None)
    assert subject.rows("SELECT id FROM usage WHERE id LIKE 'link:%'") == [(FULL.id,)]


async def test_a_changed_link_is_saved_with_the_show_of_its_token(subject: Subject, links: GuestLinks) -> None:
    link = await add(links, 1)
    changed = replace(FULL, id=link.id, created_at=link.created_at, created_by=None, collection="d")
    await links.save_link(changed, ENTRY)
    assert await links.link(link.id) == changed
    assert subject.rows("SELECT collection FROM tokens") == [("d",)]
    assert subject.rows("SELECT action FROM audit") == [(ENTRY.action,)] * 2


async def test_a_link_that_does_not_exist_cannot_be_saved(subject: Subject, links: GuestLinks) -> None:
    with pytest.raises(UnknownLink):
        await links.save_link(FULL, ENTRY)
    assert (subject.rows("SELECT id FROM owners"), subject.rows("SELECT id FROM audit")) == ([], [])


async def test_a_replaced_secret_leads_nowhere(links: GuestLinks) -> None:
    link = await add(links, 1)
    other = await add(links, 2)
    await links.replace_token(token_of(link, 3), b"\x09" * 32, ENTRY)
    found = [await links.listed_of_secret(bytes([number]) * 32) for number in (1, 2, 9)]
    assert [listed and listed.link for listed in found] == [None, other, link]


async def test_links_are_listed_newest_first_in_pages(links: GuestLinks) -> None:
    added = [await add(links, number, created_at=min(number, 3)) for number in range(1, 6)]
    first, cursor = await links.links(None, None, 2)
    second, cursor = await links.links(None, cursor, 2)
    last, end = await links.links(None, cursor, 2)
    assert ([len(page) for page in (first, second, last)], end) == ([2, 2, 1], None)
    assert [listed.link for listed in (*first, *second, *last)] == added[::-1]
    with pytest.raises(Malformed):
        await links.links(None, "?", 2)


async def test_a_viewer_sees_the_links_for_their_shows_and_other_ones_they_created(links: GuestLinks) -> None:
    own = await add(links, 1, created_by="person:a")
    of_show = await add(links, 2, created_by="person:b", collection="c")
    await add(links, 3, created_by="person:b")
    await add(links, 4, created_by="person:a", collection="lost")
    viewer = Viewer(frozenset({"person:a"}), frozenset({"c"}))
    page, cursor = await links.links(viewer, None, 5)
    assert ([listed.link for listed in page], cursor) == ([of_show, own], None)
    nobody, _ = await links.links(Viewer(frozenset()), None, 5)
    assert nobody == []


async def test_a_guest_sees_only_what_they_sent_by_this_link(subject: Subject, links: GuestLinks) -> None:
    link, other = await add(links, 1), await add(links, 2)
    sent = [("browser:a", link.id), ("browser:b", link.id), ("browser:a", other.id), ("browser:a", link.id)]
    for number, (owner, account) in enumerate(sent):
        upload = make_upload(id=f"u{number}", owner=owner, account=account, created_at=number)
        await subject.catalogue.create(upload)
    first, cursor = await links.guest_uploads(link.id, "browser:a", None, 1)
    rest, end = await links.guest_uploads(link.id, "browser:a", cursor, 1)
    assert ([*first, *rest], end) == (["u3", "u0"], None)


async def test_an_origin_is_allowed_if_a_link_names_it_exactly(links: GuestLinks) -> None:
    await add(links, 1)
    await links.add_link(FULL, token_of(FULL), bytes(32), ENTRY)
    asked = ("https://radio.example", "https://radio.exampl", "radio.example", '"', "")
    assert [await links.allows_origin(origin) for origin in asked] == [True, False, False, False, False]
