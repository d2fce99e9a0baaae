"""Changes of one link or collection at the same time: none undoes another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.collections import CollectionChanges
from media_service.core.guest_links import LinkState
from tests.access.conftest import ACTOR

if TYPE_CHECKING:
    from tests.access.conftest import Access


async def test_a_link_that_is_closed_during_other_changes_stays_closed(access: Access) -> None:
    made, _ = await access.links.create(ACTOR, {"title": "Night"})
    link_id = made.link.id
    await asyncio.gather(
        access.links.close(ACTOR, link_id, None),
        access.links.change(ACTOR, link_id, None, {"passphrase": "Nachtmusik"}),
        *(access.links.change(ACTOR, link_id, None, {"note": "new"}) for _ in range(8)),
    )
    after = (await access.links.show(link_id, None)).link
    assert (after.state(access.time), after.note, after.passphrase is not None) == (LinkState.CLOSED, "new", True)


async def test_a_collection_that_is_archived_during_another_change_stays_archived(access: Access) -> None:
    await access.collections.create(ACTOR, "night", "Night")
    await asyncio.gather(
        access.collections.change(ACTOR, "night", CollectionChanges(archived=True)),
        access.collections.change(ACTOR, "night", CollectionChanges(title="Nights")),
    )
    after = await access.collections.find("night", None)
    assert (after.archived_at is not None, after.title) == (True, "Nights")
