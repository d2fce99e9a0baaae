"""Suite of `core.ports.catalogue.Catalogue`: order, search, and pages that neither skip nor repeat."""

from __future__ import annotations

import asyncio
import base64
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.requests import Malformed
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue


async def all_files(catalogue: Catalogue, search: str = "", order: str = "uploaded_at", limit: int = 2) -> list[str]:
    """Return the ids of all pages."""
    seen: list[str] = []
    cursor = None
    for _ in range(100):
        page, cursor = await catalogue.list_files(search, order, cursor, limit)
        assert len(page) <= limit
        seen += [file.id for file in page]
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("order", ["title", "-title"])
async def test_titles_sort_as_they_are_shown_and_artists_have_blanks_last(catalogue: Catalogue, order: str) -> None:
    await keep(
        catalogue,
        make_file(1, tags={"title": "Émile", "artist": "Zoë"}, filename="a.mp3"),
        make_file(2, tags={}, filename="Étude.mp3"),
        make_file(3, tags={"title": "", "artist": ""}, filename="b.mp3"),
        make_file(4, tags={"title": "Zug", "artist": "ábel"}, filename="c.mp3"),
        make_file(5, tags={"title": "eis", "artist": "Abel"}, filename="d.mp3"),
    )
    shown = ["f3", "f5", "f1", "f2", "f4"]
    assert await all_files(catalogue, order=order) == (shown if order == "title" else shown[::-1])
    assert await all_files(catalogue, order="artist") == ["f4", "f5", "f1", "f2", "f3"]
    assert await all_files(catalogue, order="-artist") == ["f1", "f5", "f4", "f3", "f2"]


async def test_a_retagged_file_is_listed_by_its_new_tags_alone(catalogue: Catalogue) -> None:
    files = [make_file(number, tags={"title": title}) for number, title in enumerate(("Night", "Noon"))]
    await keep(catalogue, *files)
    await catalogue.retag(replace(files[0], tags={"title": "Žluťoučký"}))
    assert await all_files(catalogue, "night") == []
    assert await all_files(catalogue, "zlutoucky") == ["f0"]
    assert await all_files(catalogue, order="title") == ["f1", "f0"]
    await catalogue.retag(files[0])
    assert await all_files(catalogue, "night") == ["f0"]
    assert await all_files(catalogue, "zlutoucky") == []
    assert await all_files(catalogue, "n", "title") == ["f0", "f1"]


async def test_a_file_inserted_between_two_pages_moves_no_other(catalogue: Catalogue) -> None:
    await keep(catalogue, *(make_file(number) for number in range(1, 5)))
    page, cursor = await catalogue.list_files("", "-uploaded_at", None, 2)
    await keep(catalogue, make_file(9))
    following, end = await catalogue.list_files("", "-uploaded_at", cursor, 2)
    assert [file.id for file in page + following] == ["f4", "f3", "f2", "f1"]
    assert end is None


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["f1", "f2", "f3"]),
        ("밤", ["f1"]),
        (unicodedata.normalize("NFD", "일요일"), ["f1"]),
        ("NIGHT", ["f2"]),
        ("night kim", ["f2"]),
        ("kim night 100%", ["f2"]),
        ("night 밤", []),
        ("일", ["f1"]),
        ("요일", ["f1"]),
        ("일밤", []),
        ("ni", ["f2"]),
        ("gh kim", ["f2"]),
        ("e", ["f3"]),
        ("amelie", ["f3"]),
        ("AMÉLIE", ["f3"]),
        ("か", []),
        ("が", ["f3"]),
        ("straße", ["f3"]),
        ("STRASSE", ["f3"]),
        ("\uff4e\uff49\uff47\uff48\uff54", ["f2"]),
        ("%", ["f2"]),
        ("_", ["f3"]),
        ("'; DROP TABLE files; --", []),
        ("\\", []),
    ],
)
async def test_a_search_finds_every_word_whatever_its_case_or_composition(
    catalogue: Catalogue, search: str, found: list[str]
) -> None:
    await keep(
        catalogue,
        make_file(1, filename="일요일 밤.mp3", tags={}, sender=None),
        make_file(2, filename="a.mp3", tags={"title": "Night 100%", "artist": "KIM"}, sender=None),
        make_file(3, filename="a_b.mp3", tags={"comment": "Straße Amélie が"}, sender=None),
    )
    assert await all_files(catalogue, search) == found


@pytest.mark.parametrize("order", ["", "-", "name", "search", "--title", "title;", "id"])
async def test_an_unknown_order_is_refused(catalogue: Catalogue, order: str) -> None:
    with pytest.raises(Malformed) as refused:
        await catalogue.list_files("", order, None, 2)
    assert refused.value.field == "sort"


def written(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


NO_CURSORS = [
    *("", "?", "é", "AAAA", "====", written("null"), written("[]"), written("[1]"), written("[1,2.5]")),
    *(written('["x","y"]'), written('[1,"y",3]'), written('{"a":1}'), written('[NaN,"y"]'), written("[" * 100_000)),
]


@pytest.mark.parametrize(
    "cursor",
    [
        *NO_CURSORS,
        *(written(value) for value in ('[Infinity,"y"]', '[1e999,"y"]', f'[{10**30},"y"]', '[1,"\\ud800"]')),
    ],
    ids=repr,
)
async def test_a_forged_cursor_is_refused(catalogue: Catalogue, cursor: str) -> None:
    with pytest.raises(Malformed) as refused:
        await catalogue.list_files("", "uploaded_at", cursor, 2)
    assert refused.value.field == "cursor"
    with pytest.raises(Malformed):
        await catalogue.list_uploads(None, set(), cursor, 2)


async def test_a_cursor_of_the_other_listing_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(Malformed):
        await catalogue.list_files("", "uploaded_at", written('[1,"y"]'), 2)
    with pytest.raises(Malformed):
        await catalogue.list_uploads(None, set(), written("[1,2]"), 2)


@pytest.mark.parametrize(
    "search", [" ".join(f"w{number}" for number in range(65)), "x" * 8193, "\ufdfa" * 1000, "night\0"], ids=ascii
)
async def test_a_search_that_the_engine_could_not_execute_is_refused(catalogue: Catalogue, search: str) -> None:
    with pytest.raises(Malformed) as refused:
        await catalogue.list_files(search, "uploaded_at", None, 2)
    assert refused.value.field == "search"


async def test_the_longest_searches_are_executed(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1, filename="%" * 8192, tags={}, sender=None))
    assert await all_files(catalogue, "%" * 8192) == ["f1"]
    assert await all_files(catalogue, "\U0001f600" * 8192) == []
    assert await all_files(catalogue, " ".join(["%"] * 64)) == ["f1"]


async def test_a_search_has_no_wildcards(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1, filename="100%/_a", tags={}), make_file(2, filename="100x//xa", tags={}))
    assert await all_files(catalogue, "%/_a") == ["f1"]
    assert await all_files(catalogue, "/%") == []
    assert await all_files(catalogue, "//") == ["f2"]
    assert await all_files(catalogue, "a") == ["f1", "f2"]


async def all_uploads(
    catalogue: Catalogue, owner: str | None = None, states: frozenset[State] = frozenset()
) -> list[str]:
    seen: list[str] = []
    cursor = None
    for _ in range(100):
        page, cursor = await catalogue.list_uploads(owner, states, cursor, 2)
        seen += [upload.id for upload, _ in page]
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


async def test_uploads_come_newest_first_and_once(catalogue: Catalogue) -> None:
    for number in range(7):
        state = State.REJECTED if number % 3 == 0 else State.RECEIVING
        await catalogue.create(
            make_upload(id=f"u{number}", created_at=number // 2, state=state, owner="ab"[number % 2])
        )
    assert await all_uploads(catalogue) == ["u6", "u5", "u4", "u3", "u2", "u1", "u0"]
    assert await all_uploads(catalogue, "a") == ["u6", "u4", "u2", "u0"]
    assert await all_uploads(catalogue, None, frozenset({State.REJECTED})) == ["u6", "u3", "u0"]
    assert await all_uploads(catalogue, "b", frozenset({State.REJECTED, State.LOST})) == ["u3"]
    assert await all_uploads(catalogue, "c") == []


async def test_listed_uploads_have_covered_spans_and_the_time_of_the_newest_slice(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(id="a"))
    await catalogue.create(make_upload(id="b", created_at=2))
    await catalogue.record("a", Slice(10, 20), 7)
    await catalogue.record("a", Slice(0, 10), 6)
    await catalogue.record("a", Slice(25, 30), 5)
    page, _ = await catalogue.list_uploads(None, set(), None, 10)
    assert [(upload.id, upload.updated_at, slices) for upload, slices in page] == [
        ("b", 1, []),
        ("a", 7, [Slice(0, 20), Slice(25, 30)]),
    ]


async def test_a_listing_reads_at_most_256_spans_of_an_upload(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(id="a", length=None))
    await asyncio.gather(*(catalogue.record("a", Slice(2 * number, 2 * number + 1), 1) for number in range(300)))
    page, _ = await catalogue.list_uploads(None, set(), None, 10)
    assert page[0][1] == [Slice(2 * number, 2 * number + 1) for number in range(256)]
