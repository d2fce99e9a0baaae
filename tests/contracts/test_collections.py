"""Suite of `core.ports.collections.Collections`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.collections import NO_DEFAULTS, Collection, Defaults
from media_service.core.errors.requests import Malformed
from media_service.core.usage import NO_USAGE

if TYPE_CHECKING:
    from media_service.core.ports.collections import Collections
    from tests.contracts.catalogues import Subject

NIGHT = Collection(
    id="c1",
    slug="night",
    title="일요일 밤",
    created_at=5,
    default_tags={"artist": "Radio", "comment": "one\ntwo"},
    bytes_max=2**62,
    archived_at=9,
)
NOON = Collection(id="c2", slug="noon", title="Noon", created_at=6)
PICTURE = bytes(range(256)) * 9


@pytest.fixture
def collections(subject: Subject) -> Any:
    return subject.catalogue.collections


async def test_a_collection_is_read_as_it_was_added_also_by_the_next_process(
    collections: Collections, subject: Subject
) -> None:
    assert await collections.add(NIGHT)
    async with subject.reopened() as catalogue:
        assert await catalogue.collections.by_slug("night") == NIGHT
    assert await collections.slug_of("c1") == "night"
    assert await collections.by_slug("noon") is None
    assert await collections.slug_of("c2") is None


async def test_a_taken_slug_is_refused_and_changes_nothing(collections: Collections, subject: Subject) -> None:
    await collections.add(NIGHT)
    assert not await collections.add(replace(NOON, slug="night"))
    assert await collections.by_slug("night") == NIGHT
    assert subject.rows("SELECT id FROM usage WHERE id LIKE 'collection:%'") == [("collection:c1",)]


async def test_changes_are_saved_without_slug_and_cover(collections: Collections) -> None:
    await collections.add(NOON)
    await collections.save_cover("c2", PICTURE)
    changed = replace(NOON, title="Midday", default_tags={"album": "a"}, bytes_max=0, archived_at=3)
    assert await collections.save(replace(changed, slug="other"))
    assert await collections.by_slug("noon") == replace(changed, has_cover=True)
    assert not await collections.save(NIGHT)


async def test_a_cover_is_replaced_and_removed(collections: Collections) -> None:
    await collections.add(NOON)
    assert await collections.cover("c2") is None
    for picture in (PICTURE, b"other", None):
        await collections.save_cover("c2", picture)
        assert await collections.cover("c2") == picture
    assert await collections.cover("c1") is None


async def test_defaults_are_tags_and_cover(collections: Collections) -> None:
    await collections.add(NIGHT)
    assert await collections.defaults("c1") == Defaults(NIGHT.default_tags)
    await collections.save_cover("c1", PICTURE)
    assert await collections.defaults("c1") == Defaults(NIGHT.default_tags, PICTURE)
    assert await collections.defaults("c2") == NO_DEFAULTS


async def test_pages_are_by_slug_and_have_only_the_given_ones(collections: Collections) -> None:
    for number, slug in enumerate(["d", "a", "c", "b", "e"]):
        await collections.add(Collection(id=f"c{number}", slug=slug, title=slug, created_at=1))

    async def slugs(ids: set[str] | None) -> list[str]:
        found, cursor = [], None
        while True:
            page, cursor = await collections.page(ids, cursor, 2)
            assert all(usage == NO_USAGE for _, usage in page)
            found += [collection.slug for collection, _ in page]
            if cursor is None:
                return found

    assert await slugs(None) == ["a", "b", "c", "d", "e"]
    assert await slugs({"c0", "c1", "c4", "c9"}) == ["a", "d", "e"]
    assert await slugs(set()) == []
    with pytest.raises(Malformed):
        await collections.page(None, "?", 2)


async def test_the_usage_of_an_unknown_collection_is_nothing(collections: Collections) -> None:
    await collections.add(NOON)
    assert await collections.usage("c2") == NO_USAGE
    assert await collections.usage("c1") == NO_USAGE
