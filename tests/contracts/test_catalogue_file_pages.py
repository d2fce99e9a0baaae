"""Suite of `core.ports.catalogue.Catalogue`: any pages equal those of a plain model of order and search."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.catalogue import file_pages, listings
from media_service.catalogue.file_orders import FILE_SORT_KEYS
from media_service.catalogue.file_pages import Limits, Walk
from media_service.catalogue.postgresql import file_search as postgresql_search
from media_service.catalogue.sqlite import file_search as sqlite_search
from media_service.catalogue.text_index import fold
from media_service.core.files import Place, SpoolEntry
from media_service.core.findings import Finding, Grade, Severity
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file
from tests.contracts.catalogues import ADAPTERS
from tests.contracts.file_searches import Term, filters, names, passes, senders, terms, texts
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.file_filters import FileFilters
    from media_service.core.files import StoredFile
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Facts, Upload

ALL, NONE = Walk(1000, 1000), Walk(0, 0)
NOTHING = Limits(NONE, NONE, few=0, shown=0, dated=0)
LIMITS_OF_BOTH = [
    NOTHING,
    replace(NOTHING, short_walk=ALL),
    replace(NOTHING, short_walk=Walk(1, 1, ties_first=True), enough=1, long_walk=Walk(3, 3, ties_first=True)),
    replace(NOTHING, short_walk=Walk(4, 4), enough=1, long_walk=Walk(6, 6)),
    replace(NOTHING, short_walk=Walk(1000, 2), enough=1, long_walk=Walk(1000, 3)),
    replace(NOTHING, few=1000),
    replace(NOTHING, shown=1000, dated=1000),
]
NO_FINDS = {"SORTED_FIRST_FILES": 0, "SORTED_FILES": 0}
LIMITS: dict[str, list[dict[str, Any]]] = {
    "sqlite": [{"LIMITS": limits} for limits in LIMITS_OF_BOTH],
    "postgresql": [
        *({"LIMITS": limits} | NO_FINDS for limits in LIMITS_OF_BOTH),
        NO_FINDS | {"LIMITS": NOTHING, "SORTED_FILES": 1000},
        NO_FINDS | {"LIMITS": replace(NOTHING, long_walk=ALL), "SORTED_FILES": 1000},
        NO_FINDS | {"LIMITS": NOTHING, "SORTED_FIRST_FILES": 1000},
        NO_FINDS | {"LIMITS": NOTHING, "SORTED_FIRST_FILES": 2, "SORTED_FILES": 4},
    ],
}
"""Files that are read in each way. The real limits would need thousands of files."""

WAYS = {"sqlite": sqlite_search, "postgresql": postgresql_search}

ORDERS = [direction + column for column in FILE_SORT_KEYS for direction in ("", "-")]

viewers = st.tuples(
    st.sampled_from([None, "", "person:p"]), st.frozensets(st.sampled_from(["c", "d", "nothing"]), max_size=3)
)
"""Whose files are listed, and those of which collections."""


@st.composite
def judged(draw: st.DrawFn) -> Facts:
    """Draw what is known of a file."""
    severities = draw(st.lists(st.sampled_from([Severity.INFO, Severity.WARN]), max_size=2))
    return replace(
        FACTS,
        duration=draw(st.integers(0, 2)) / 7,
        grade=draw(st.one_of(st.none(), st.sampled_from(Grade))),
        findings=tuple(Finding("leading_junk", severity) for severity in severities),
        audio_sha256=draw(st.sampled_from([None, bytes(32)])),
    )


@st.composite
def libraries(draw: st.DrawFn) -> list[StoredFile]:
    """Draw files in the order of their delivery; many have equal or missing sort keys."""
    some = st.one_of(names, texts)
    shown = st.tuples(st.sampled_from([None, "person:p"]), st.sampled_from([None, "c", "d"]))
    places = st.sampled_from([Place.SPOOL, Place.TAKEN])
    number = st.integers(0, 2)
    drawn = draw(st.lists(st.tuples(some, some, some, judged(), senders, number, number, places, shown), max_size=9))
    return [
        make_file(
            number,
            tags={name: value for name, value in (("title", title), ("artist", artist)) if value},
            filename=filename or "x.mp3",
            sender=sender,
            facts=facts,
            spool_entry=SpoolEntry(f"{number}.mp3", size, bytes(32)),
            uploaded_at=time,
            place=place,
            account=account,
            collection=collection,
        )
        for number, (title, artist, filename, facts, sender, size, time, place, (account, collection)) in enumerate(
            drawn
        )
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


def expected(files: list[StoredFile], order: str) -> list[str]:
    """Return the ids that a listing has, by Python's own sort, which keeps the order of equal ones."""
    column, falling = order.removeprefix("-"), order.startswith("-")
    ordered = sorted(files, key=lambda file: key_of(file, column))
    if falling:
        ordered.reverse()
    return [file.id for file in sorted(ordered, key=lambda file: key_of(file, column) == "")]


async def pages(
    catalogue: Catalogue, search: str, order: str, limit: int, *, may_be_short: bool, **shown: Any
) -> list[str]:
    """Return the ids of all pages."""
    seen: list[str] = []
    cursor = None
    for _ in range(100):
        page, cursor = await catalogue.list_files(search, order, cursor, limit, **shown)
        assert len(page) <= limit
        assert cursor is None or len(page) == limit or may_be_short
        seen += [file.id for file in page]
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


def with_catalogue(adapter: str, request: pytest.FixtureRequest, use: Callable[[Any], Awaitable[None]]) -> None:
    async def call() -> None:
        with TemporaryDirectory() as folder:
            async with ADAPTERS[adapter](Path(folder), request.getfixturevalue) as subject:
                await use(subject.catalogue)

    asyncio.run(call())


@pytest.mark.parametrize("adapter", [*WAYS])
@settings(deadline=None, max_examples=25)
@given(libraries(), st.lists(terms(), max_size=2), filters(), st.integers(1, 4), viewers, st.data())
def test_pages_of_any_order_and_search_have_each_file_once_in_its_place(
    request: pytest.FixtureRequest,
    adapter: str,
    files: list[StoredFile],
    searched: list[Term],
    wanted: FileFilters,
    limit: int,
    viewer: tuple[str | None, frozenset[str]],
    data: st.DataObject,
) -> None:
    owner, collections = viewer
    visible = [file for file in files if owner in (None, file.account) or file.collection in collections]
    found = [file for file in visible if passes(file, wanted) and all(term.meets(file) for term in searched)]
    search = " ".join(term.written() for term in searched)
    options: dict[str, Any] = {"owner": owner, "collections": collections, "filters": wanted}
    counted, examined = data.draw(st.sampled_from([2, 1000])), data.draw(st.sampled_from([1, 3, 1000]))
    may_be_short = any(term.excluded for term in searched) and examined < len(files)

    async def compare(catalogue: Catalogue) -> None:
        await keep(catalogue, *files)
        for order in ORDERS:
            listed = await pages(catalogue, search, order, limit, may_be_short=may_be_short, **options)
            assert listed == expected(found, order)
        total = await catalogue.count_files(search, **options)
        assert total.files == len(found) if total.exact else counted < len(visible)
        assert total.files <= len(found)
        assert total.exact or counted == 2

    limits = data.draw(st.sampled_from(LIMITS[adapter]))
    bounds: dict[str, Any] = {"COUNTED_FILES": counted, "EXAMINED_FILES": examined}
    with patch.multiple(WAYS[adapter], **limits), patch.multiple(file_pages, **bounds):
        with_catalogue(adapter, request, compare)


@pytest.mark.parametrize("order", ["uploaded_at", "-uploaded_at", "filename"])
@pytest.mark.parametrize("adapter", [*WAYS])
def test_page_without_a_word_loses_no_file_when_another_one_goes(
    request: pytest.FixtureRequest, adapter: str, order: str
) -> None:
    files = [
        make_file(number, filename=f"{number} {'b' if number in (0, 5) else 'a'}.mp3", tags={}) for number in range(6)
    ]

    async def use(catalogue: Any) -> None:
        await keep(catalogue, *files)
        read = catalogue._reader.rows
        reads: list[Any] = []

        async def read_and_lose(statement: Any) -> Any:
            rows = await read(statement)
            reads.append(statement)
            if len(reads) == 1:
                gone = replace(files[1 if order != "-uploaded_at" else 4], place=Place.PURGED)
                await catalogue.places.move(gone, Place.SPOOL)
            return rows

        with patch.object(catalogue, "_reader", SimpleNamespace(rows=read_and_lose)):
            listed = await pages(catalogue, "-a", order, 4, may_be_short=True)
        assert len(reads) > 1
        assert sorted(listed) == sorted([files[0].id, files[5].id])

    with patch.object(file_pages, "EXAMINED_FILES", 5):
        with_catalogue(adapter, request, use)


states = st.sampled_from(State)


@pytest.mark.parametrize("adapter", ["sqlite", "postgresql"])
@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(states, st.sampled_from("ab"), st.sampled_from([None, "c", "d"]), st.integers(0, 3)), max_size=12
    ),
    st.sampled_from([None, "a", "b", "c"]),
    st.frozensets(st.sampled_from(["c", "d", "nothing"]), max_size=3),
    st.lists(states, max_size=3),
    st.integers(1, 4),
    st.sampled_from([0, 64]),
)
def test_pages_of_any_uploads_have_each_once_newest_first(
    request: pytest.FixtureRequest,
    adapter: str,
    drawn: list[tuple[State, str, str | None, int]],
    owner: str | None,
    collections: frozenset[str],
    shown: list[State],
    limit: int,
    merged: int,
) -> None:
    uploads = [
        make_upload(id=f"u{number:02}", state=state, owner=by, collection=collection, created_at=time)
        for number, (state, by, collection, time) in enumerate(drawn)
    ]

    def listed(upload: Upload) -> bool:
        visible = owner in (None, upload.owner) or upload.collection in collections
        return visible and (not shown or upload.state in shown)

    newest = sorted(filter(listed, uploads), key=lambda upload: (upload.created_at, upload.id), reverse=True)

    async def compare(catalogue: Catalogue) -> None:
        for upload in uploads:
            await catalogue.create(upload)
        seen, cursor = [], None
        while True:
            page, cursor = await catalogue.list_uploads(owner, shown, cursor, limit, collections=collections)
            seen += [upload.id for upload, _ in page]
            if cursor is None:
                break
        assert seen == [upload.id for upload in newest]

    with patch.object(listings, "MERGED", merged):
        with_catalogue(adapter, request, compare)
