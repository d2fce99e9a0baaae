"""Rules of collections."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.collections import (
    COLLECTION_BYTES_MAX,
    Collection,
    CollectionChanges,
    change,
    create,
    is_slug,
)
from media_service.core.errors.limits import DetailsTooLarge
from media_service.core.errors.requests import Malformed

NIGHT = Collection(id="c", slug="night", title="Night", created_at=1)


@pytest.mark.parametrize("slug", ["", "-night", "Night", "night show", "näight", "a/b", "n" * 65, "night\n", "٣"])
def test_a_slug_is_ascii_that_needs_no_escape_in_a_url(slug: str) -> None:
    with pytest.raises(Malformed) as refused:
        create(slug, "Night", id="c", now=1)
    assert refused.value.field == "slug"


@given(st.text())
def test_a_slug_never_needs_an_escape(text: str) -> None:
    if is_slug(text):
        assert text.isascii()
        assert text.lower() == text
        assert 1 <= len(text) <= 64
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_title_and_default_tags_are_cleaned() -> None:
    made = create("night", " Night\n", id="c", now=5, default_tags={"artist": " Radio\n", "album": " "}, bytes_max=0)
    assert made == Collection(
        id="c", slug="night", title="Night", created_at=5, default_tags={"artist": "Radio"}, bytes_max=0
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (CollectionChanges(title=" \n"), "title"),
        (CollectionChanges(title="n" * 1025), "title"),
        (CollectionChanges(default_tags={"colour": "red"}), "tags.colour"),
        (CollectionChanges(default_tags={"date": "yesterday"}), "tags.date"),
        (CollectionChanges(bytes_max=-1), "bytes_max"),
        (CollectionChanges(bytes_max=COLLECTION_BYTES_MAX + 1), "bytes_max"),
    ],
    ids=str,
)
def test_values_that_cannot_be_used_are_refused(changes: CollectionChanges, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        change(NIGHT, changes, 7)
    assert refused.value.field == field


def test_default_tags_are_limited_together() -> None:
    long = {"comment": "밤" * 4000, "lyrics": "밤" * 4000}
    with pytest.raises(DetailsTooLarge):
        change(NIGHT, CollectionChanges(default_tags=long), 7)


@given(
    st.builds(
        CollectionChanges,
        title=st.none() | st.sampled_from(["Noon", "밤"]),
        default_tags=st.none() | st.dictionaries(st.sampled_from(["artist", "album"]), st.sampled_from(["x", "y"])),
        bytes_max=st.none() | st.integers(0, 9),
        removes_limit=st.booleans(),
        archived=st.none() | st.booleans(),
    ),
    st.sampled_from([None, 3]),
    st.sampled_from([None, 8]),
)
def test_only_what_is_given_changes(changes: CollectionChanges, archived_at: int | None, limit: int | None) -> None:
    before = replace(NIGHT, archived_at=archived_at, bytes_max=limit)
    after = change(before, changes, 7)
    assert (after.id, after.slug, after.created_at) == (before.id, before.slug, before.created_at)
    assert after.title == (before.title if changes.title is None else changes.title)
    assert after.default_tags == (before.default_tags if changes.default_tags is None else changes.default_tags)
    if changes.removes_limit:
        assert after.bytes_max is None
    else:
        assert after.bytes_max == (before.bytes_max if changes.bytes_max is None else changes.bytes_max)
    if changes.archived is None:
        assert after.archived_at == archived_at
    elif changes.archived:
        assert after.archived_at == (archived_at or 7)
    else:
        assert after.archived_at is None
