"""Suite of `core.ports.catalogue.Catalogue`: any pages equal those of a plain model of order and search."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.catalogue import file_pages
from media_service.catalogue.file_orders import FILE_SORT_KEYS
from media_service.catalogue.text_index import fold
from media_service.core.files import SpoolEntry
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file
from tests.contracts.catalogues import ADAPTERS
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload

LIMITS = {"sorted": (1000, 0), "compared": (0, 1000), "looked up": (0, 0)}
"""Files that are sorted at most, and compared at most. The real limits would need thousands of files."""

ORDERS = [direction + column for column in FILE_SORT_KEYS for direction in ("", "-")]

letters = st.sampled_from("aAáÁbBßñNŁ가각か が밤%_/\"'*- \U0001f600")
texts = st.text(letters, max_size=6)
names = st.sampled_from(["", "night", "Night show", "Nìght", "밤", "일요일 밤", "일요일", "Zoë", "100%"])
words = st.one_of(
    st.sampled_from(
        ["", "night", "NIGHT", "ni", "n", "밤", "일요", "요일", "zoe", "night 일요", "show night", "%", "qqq"]
    ),
    texts,
)


@st.composite
def libraries(draw: st.DrawFn) -> list[StoredFile]:
    """Draw files in the order of their delivery; many have equal or missing sort keys."""
    some = st.one_of(names, texts)
    drawn = draw(st.lists(st.tuples(some, some, some, *[st.integers(0, 2)] * 3), max_size=9))
    return [
        make_file(
            number,
            tags={name: value for name, value in (("title", title), ("artist", artist)) if value},
            filename=filename or "x.mp3",
            sender=None,
            facts=replace(FACTS, duration=duration / 7),
            spool_entry=SpoolEntry(f"{number}.mp3", size, bytes(32)),
            uploaded_at=time,
        )
        for number, (title, artist, filename, duration, size, time) in enumerate(drawn)
    ]


def key_of(file: StoredFile, column: str) -> Any:
    return {
        "uploaded_at": file.uploaded_at,
        "title": fold(file.tags.get("title", "")).strip() or fold(file.filename).strip(),
        "artist": fold(file.tags.get("artist", "")).strip(),
        "duration": file.facts.duration,
        "size": file.spool_entry.size,
        "filename": fold(file.filename).strip(),
    }[column]


def expected(files: list[StoredFile], search: str, order: str) -> list[str]:
    """Return the ids that a listing has, by Python's own sort, which keeps the order of equal ones."""
    column, falling = order.removeprefix("-"), order.startswith("-")
    found = [
        file
        for file in files
        if all(word in fold("\n".join([file.filename, *file.tags.values()])) for word in fold(search).split())
    ]
    ordered = sorted(found, key=lambda file: key_of(file, column))
    if falling:
        ordered.reverse()
    return [file.id for file in sorted(ordered, key=lambda file: key_of(file, column) == "")]


async def pages(catalogue: Catalogue, search: str, order: str, limit: int) -> list[str]:
    """Return the ids of all pages."""
    seen: list[str] = []
    cursor = None
    for _ in range(100):
        page, cursor = await catalogue.list_files(search, order, cursor, limit)
        assert len(page) <= limit
        assert cursor is None or len(page) == limit
        seen += [file.id for file in page]
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


def with_catalogue(adapter: str, use: Callable[[Any], Awaitable[None]]) -> None:
    async def call() -> None:
        with TemporaryDirectory() as folder:
            async with ADAPTERS[adapter](Path(folder)) as subject:
                await use(subject.catalogue)

    asyncio.run(call())


@pytest.mark.parametrize("adapter", ["sqlite"])
@settings(deadline=None, max_examples=40)
@given(libraries(), words, st.integers(1, 4), st.sampled_from([*LIMITS]))
def test_pages_of_any_order_and_search_have_each_file_once_in_its_place(
    adapter: str, files: list[StoredFile], search: str, limit: int, limits: str
) -> None:
    async def compare(catalogue: Catalogue) -> None:
        await keep(catalogue, *files)
        for order in ORDERS:
            assert await pages(catalogue, search, order, limit) == expected(files, search, order)

    few, some = LIMITS[limits]
    with patch.multiple(file_pages, SORTED_FILES=few, COMPARED_FILES=some):
        with_catalogue(adapter, compare)


states = st.sampled_from(State)


@pytest.mark.parametrize("adapter", ["sqlite"])
@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(states, st.sampled_from("ab"), st.integers(0, 3)), max_size=12),
    st.sampled_from([None, "a", "b", "c"]),
    st.lists(states, max_size=3),
    st.integers(1, 4),
)
def test_pages_of_any_uploads_have_each_once_newest_first(
    adapter: str, drawn: list[tuple[State, str, int]], owner: str | None, shown: list[State], limit: int
) -> None:
    uploads = [
        make_upload(id=f"u{number:02}", state=state, owner=by, created_at=time)
        for number, (state, by, time) in enumerate(drawn)
    ]

    def listed(upload: Upload) -> bool:
        return owner in (None, upload.owner) and (not shown or upload.state in shown)

    newest = sorted(filter(listed, uploads), key=lambda upload: (upload.created_at, upload.id), reverse=True)

    async def compare(catalogue: Catalogue) -> None:
        for upload in uploads:
            await catalogue.create(upload)
        seen, cursor = [], None
        while True:
            page, cursor = await catalogue.list_uploads(owner, shown, cursor, limit)
            seen += [upload.id for upload, _ in page]
            if cursor is None:
                break
        assert seen == [upload.id for upload in newest]

    with_catalogue(adapter, compare)
