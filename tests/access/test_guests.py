"""Links and their guests over a real catalogue, at any time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.access.audit import AuditTrail
from media_service.access.guest_links import GuestLinkService
from media_service.access.guests import Guests
from media_service.access.passwords import PasswordHasher
from media_service.access.sign_in_throttle import FREE_FAILURES_OF_A_NAME, SignInThrottle
from media_service.core.access import Viewer
from media_service.core.audit import ADMIN_TOKEN, Actor
from media_service.core.errors.limits import TooManyRequests
from media_service.core.errors.links import LinkEnded, PassphraseRequired, UnknownLink
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import GRACE
from media_service.ipc.bus import LocalBus
from media_service.storage.locks import FileLocks
from tests.contracts.catalogues import sqlite
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADMIN, EDITOR = Actor(ADMIN_TOKEN), Actor("person:e", "Kim")
LIFETIME = 30 * 24 * 3600 * 1_000_000


@dataclass
class Links:
    """The services of one process. `time` is UTC microseconds; `forgotten` counts changes."""

    service: GuestLinkService
    guests: Guests
    catalogue: Any
    time: int = 1_800_000_000_000_000
    forgotten: int = 0

    async def sent(self, owner: str, link_id: str) -> None:
        """Let a guest send an upload."""
        await self.catalogue.create(make_upload(id=owner.replace(":", "-"), owner=owner, account=link_id))


@pytest_asyncio.fixture
async def links(tmp_path: Path) -> AsyncIterator[Links]:
    """Yield the services of one process."""
    ids, passwords, locks = itertools.count(1), PasswordHasher(), FileLocks(tmp_path / "locks")
    async with sqlite(tmp_path) as subject:

        def clock() -> int:
            return made.time

        def forget() -> None:
            made.forgotten += 1

        rows = subject.catalogue.guest_links
        audit = AuditTrail(subject.catalogue.audit, clock, lambda *_, **__: None)
        service = GuestLinkService(
            rows,
            passwords,
            locks,
            audit,
            lifetime=LIFETIME,
            clock=clock,
            new_id=lambda: f"{next(ids):022}",
            forget=forget,
        )
        guests = Guests(rows, passwords, SignInThrottle(LocalBus()), audit, clock)
        made = Links(service, guests, subject.catalogue)
        yield made
    passwords.close()
    locks.close()


async def test_guests_see_what_they_sent_until_two_weeks_after_the_end(links: Links) -> None:
    listed, secret = await links.service.create(ADMIN, {"title": "Night"})
    await links.sent("browser:a", listed.link.id)
    links.time += LIFETIME
    with pytest.raises(LinkEnded):
        await links.guests.find(secret, "browser:a")
    links.time += GRACE - 1
    assert (await links.guests.find(secret, "browser:a", ended=True)).link == listed.link
    for stranger in ("browser:b", listed.link.id):
        with pytest.raises(UnknownLink):
            await links.guests.find(secret, stranger, ended=True)
        with pytest.raises(UnknownLink):
            await links.guests.open_link(listed.link.id, stranger)
    links.time += 1
    with pytest.raises(UnknownLink):
        await links.guests.find(secret, "browser:a", ended=True)


async def test_who_guesses_a_passphrase_is_slowed_down_and_nobody_else(links: Links) -> None:
    listed, _ = await links.service.create(ADMIN, {"title": "Night", "passphrase": "Nachtmusik"})
    for _ in range(FREE_FAILURES_OF_A_NAME):
        with pytest.raises(PassphraseRequired):
            await links.guests.prove(listed.link, "Zauberflöte", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        await links.guests.prove(listed.link, "Nachtmusik", "192.0.2.1")
    with pytest.raises(PassphraseRequired):
        await links.guests.prove(listed.link, "", "192.0.2.1")
    assert await links.guests.prove(listed.link, "Nachtmusik", "192.0.2.2")


async def test_a_proof_ends_with_the_passphrase(links: Links) -> None:
    listed, _ = await links.service.create(ADMIN, {"title": "Night", "passphrase": "Nachtmusik"})
    proof = await links.guests.prove(listed.link, "Nachtmusik", None)
    other, _ = await links.service.create(ADMIN, {"title": "Day", "passphrase": "Nachtmusik"})
    assert links.guests.has_entered(listed.link, proof)
    assert not links.guests.has_entered(other.link, proof)
    changed = await links.service.change(ADMIN, listed.link.id, None, {"passphrase": "Nachtmusik"})
    assert not links.guests.has_entered(changed.link, proof)
    without = await links.service.change(ADMIN, listed.link.id, None, {"passphrase": ""})
    assert links.guests.has_entered(without.link, "")
    with pytest.raises(Malformed, match="passphrase"):
        await links.service.change(ADMIN, listed.link.id, None, {"passphrase": "a" * 201})


async def test_an_editor_changes_only_what_they_may_see(links: Links) -> None:
    own, _ = await links.service.create(EDITOR, {"title": "Night"})
    of_show, _ = await links.service.create(ADMIN, {"title": "Day", "collection": "c"})
    others, _ = await links.service.create(ADMIN, {"title": "Noon"})
    viewer = Viewer(frozenset({"person:e"}), frozenset({"c"}))
    page, _ = await links.service.page(viewer, None, 5)
    assert {listed.link.id for listed in page} == {own.link.id, of_show.link.id}
    for listed in (own, of_show):
        await links.service.close(EDITOR, listed.link.id, viewer)
    for change in (
        links.service.show(others.link.id, viewer),
        links.service.close(EDITOR, others.link.id, viewer),
        links.service.change(EDITOR, others.link.id, viewer, {"note": "mine"}),
        links.service.renew_secret(EDITOR, others.link.id, viewer),
    ):
        with pytest.raises(UnknownLink):
            await change
    assert (await links.service.show(others.link.id, None)).link == others.link


async def test_who_has_lost_a_collection_has_lost_its_links(links: Links) -> None:
    listed, _ = await links.service.create(EDITOR, {"title": "Night", "collection": "c"})
    before, after = (Viewer(frozenset({"person:e"}), frozenset(shows)) for shows in (["c"], []))
    assert (await links.service.show(listed.link.id, before)).link == listed.link
    await links.service.close(ADMIN, listed.link.id, None)
    assert (await links.service.page(after, None, 5))[0] == []
    for change in (
        links.service.change(EDITOR, listed.link.id, after, {"closed": False}),
        links.service.renew_secret(EDITOR, listed.link.id, after),
    ):
        with pytest.raises(UnknownLink):
            await change


async def test_a_replaced_secret_is_unknown_at_once(links: Links) -> None:
    listed, old = await links.service.create(ADMIN, {"title": "Night"})
    _, new = await links.service.renew_secret(ADMIN, listed.link.id, None)
    assert links.forgotten == 1
    assert (await links.guests.find(new, "browser:a")).link == listed.link
    with pytest.raises(UnknownLink):
        await links.guests.find(old, "browser:a")


async def test_a_link_that_admits_an_origin_admits_it_for_its_own_secret_only(links: Links) -> None:
    _, secret = await links.service.create(ADMIN, {"title": "Night", "allowed_origins": ["https://radio.example"]})
    _, other = await links.service.create(ADMIN, {"title": "Day"})
    asked = [(origin, given) for given in (None, secret, other, "x") for origin in ("https://radio.example", "null")]
    allowed = [await links.guests.allows_origin(origin, given) for origin, given in asked]
    assert allowed == [True, False, True, False, False, False, False, False]
