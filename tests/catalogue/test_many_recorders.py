"""Many processes that record slices of one upload: it is complete exactly once, and no byte is recorded twice.

Hypothesis generates what each recorder does. On SQLite all of them share a commit server, over a connection each; on
PostgreSQL each has connections of its own to the database.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.commit_server import CommitServer, open_for_writing
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.quota import Quota
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import Recorded, Slice, Upload
from media_service.core.upload_states import State
from media_service.ipc.client import RpcClient
from tests.contracts.catalogues import postgres_catalogue
from tests.core.samples import make_upload
from tests.intake.model_catalogue import ModelReceiving
from tests.support.new_catalogue import write_new_catalogue
from tests.support.postgres_catalogue import empty_catalogue
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

RECORDERS = 3
LENGTH = 8

Attempt = tuple[Slice, dict[str, bool]]
Call = tuple[str, tuple[Any, ...], dict[str, Any]]

pieces = st.tuples(st.integers(0, LENGTH), st.integers(1, 4)).map(lambda given: Slice(given[0], sum(given)))
flags = st.fixed_dictionaries({"last": st.sampled_from([False, False, True]), "complete": st.booleans()})
attempts = st.lists(st.tuples(pieces, flags), max_size=8)
covering = st.permutations([Slice(start, start + 2) for start in range(0, LENGTH, 2)])
"""Slices that together are the whole upload."""

lengths = st.sampled_from([None, LENGTH, LENGTH + 2])


@asynccontextmanager
async def on_sqlite(folder: Path, _fixture: Callable[[str], Any]) -> AsyncIterator[list[Any]]:
    """Yield the catalogues of processes that are connected to the one commit server."""
    path = folder / "catalogue.sqlite3"
    write_new_catalogue(path)
    async with AsyncExitStack() as opened:
        server = CommitServer(lambda: open_for_writing(str(path)))
        opened.callback(server.close)
        catalogues: list[Any] = []
        for _ in range(RECORDERS):
            rpc = await opened.enter_async_context(served(RpcClient(), server.serve))
            catalogue = SqliteCatalogue(path, rpc)
            await catalogue.open()
            opened.push_async_callback(catalogue.close)
            catalogues.append(catalogue)
        yield catalogues


@asynccontextmanager
async def on_postgresql(_folder: Path, fixture: Callable[[str], Any]) -> AsyncIterator[list[Any]]:
    """Yield the catalogues of processes that use the same database."""
    url = empty_catalogue(fixture("postgresql"))
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(postgres_catalogue(url)) for _ in range(RECORDERS)]


ENGINES = {"sqlite": on_sqlite, "postgresql": on_postgresql}


class Processes:
    """The catalogues of several processes, and a loop. Each upload has an id of its own."""

    def __init__(self, opening: AbstractAsyncContextManager[list[Any]]) -> None:
        self.runner = asyncio.Runner()
        self.catalogues: list[Any] = []
        self._opening = opening
        self._uploads = 0

    def new_id(self) -> str:
        """Return an id that is not used yet."""
        self._uploads += 1
        return f"u{self._uploads}"

    async def open(self) -> None:
        """Connect each process."""
        self.catalogues = await self._opening.__aenter__()

    async def close(self) -> None:
        """Disconnect all."""
        await self._opening.__aexit__(None, None, None)


@pytest.fixture(scope="module", params=list(ENGINES))
def processes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    processes = Processes(ENGINES[request.param](tmp_path_factory.mktemp("recorders"), request.getfixturevalue))
    with processes.runner:
        processes.runner.run(processes.open())
        yield processes
        processes.runner.run(processes.close())


async def record_all(
    catalogue: Any, upload_id: str, attempts: Sequence[Attempt]
) -> list[tuple[Attempt, Recorded | None]]:
    """Record one slice after the other; return what became of each."""
    outcomes: list[tuple[Attempt, Recorded | None]] = []
    for piece, how in attempts:
        try:
            recorded = await catalogue.record(upload_id, piece, 5, **how)
        except ChangedMeanwhile:
            outcomes.append(((piece, how), None))
        else:
            outcomes.append(((piece, how), recorded))
    return outcomes


def check_rows(loaded: tuple[Upload, Sequence[Slice]], outcomes: Sequence[tuple[Attempt, Recorded | None]]) -> None:
    """Check what must hold whatever the recorders did."""
    upload, slices = loaded
    assert all(before.stop <= after.start for before, after in pairwise(slices))
    accepted = {(piece.start, piece.stop) for (piece, _), recorded in outcomes if recorded is not None}
    assert accepted == {(piece.start, piece.stop) for piece in slices}
    assert upload.length is None or all(piece.stop <= upload.length for piece in slices)
    completions = [recorded for (_, how), recorded in outcomes if recorded and recorded.whole and how["complete"]]
    assert len(completions) == (upload.state is State.RECEIVED)
    covered = Ranges(Span(piece.start, piece.stop) for piece in slices)
    if upload.state is State.RECEIVED:
        assert upload.length is not None
        assert covered.covers(Span(0, upload.length))
        assert completions[0].version == upload.version


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=lengths, work=st.lists(attempts, min_size=RECORDERS, max_size=RECORDERS))
def test_interleaved_recorders_complete_an_upload_once_and_record_no_byte_twice(
    processes: Processes, length: int | None, work: list[list[Attempt]]
) -> None:
    async def interleave() -> None:
        upload_id = processes.new_id()
        await processes.catalogues[0].create(make_upload(id=upload_id, length=length))
        done = await asyncio.gather(
            *(record_all(each, upload_id, own) for each, own in zip(processes.catalogues, work, strict=True))
        )
        loaded = await processes.catalogues[0].load(upload_id)
        assert loaded is not None
        check_rows(loaded, [outcome for outcomes in done for outcome in outcomes])

    processes.runner.run(interleave())


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=st.lists(covering, min_size=RECORDERS, max_size=RECORDERS))
def test_recorders_that_all_send_everything_complete_the_upload_exactly_once(
    processes: Processes, orders: list[list[Slice]]
) -> None:
    async def interleave() -> None:
        upload_id = processes.new_id()
        await processes.catalogues[0].create(make_upload(id=upload_id, length=LENGTH))
        work = [[(piece, {"complete": True}) for piece in order] for order in orders]
        done = await asyncio.gather(
            *(record_all(each, upload_id, own) for each, own in zip(processes.catalogues, work, strict=True))
        )
        outcomes = [outcome for outcomes in done for outcome in outcomes]
        assert sum(recorded.whole for _, recorded in outcomes if recorded is not None) == 1
        loaded = await processes.catalogues[0].load(upload_id)
        assert loaded is not None
        check_rows(loaded, outcomes)

    processes.runner.run(interleave())


no_flags: dict[str, Any] = {}
saves = st.builds(
    lambda version, length, state: ("save", (), {"version": version, "length": length, "state": state}),
    st.integers(0, 3),
    lengths,
    st.sampled_from([State.RECEIVING, State.RECEIVING, State.RECEIVED, State.CANCELLED]),
)
records = st.builds(lambda piece, how: ("record", (piece, 5), how), pieces, flags)
peeks = pieces.map(lambda piece: ("peek", (piece.start, piece.stop), no_flags))
creations = st.builds(
    lambda uploads, size, length: ("create", (Quota(uploads=uploads, bytes=size),), {"length": length}),
    *(st.none() | st.integers(0, 3), st.none() | st.integers(0, 20), st.none() | st.integers(1, 9)),
)
changes = saves | records | records | peeks | creations


async def perform(catalogue: Any, ids: Sequence[str], call: Call, address: str) -> Any:
    """Return the result of a call, or its error."""
    method, given, named = call
    try:
        if method == "create":
            return await catalogue.create(make_upload(id=ids[1], address=address, **named), *given)
        if method == "save":
            return await catalogue.save(make_upload(id=ids[0], address=address, **named))
        return await getattr(catalogue, method)(ids[0], *given, **named)
    except MediaServiceError as error:
        return type(error), error.details()


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=lengths, deferred=st.booleans(), calls=st.lists(changes, max_size=12))
def test_the_model_decides_as_the_database_does(
    processes: Processes, length: int | None, deferred: bool, calls: list[Call]
) -> None:
    async def compare() -> None:
        first, address = processes.new_id(), processes.new_id()
        database, model = processes.catalogues[0], ModelReceiving()
        for each in (database, model):
            await each.create(make_upload(id=first, length=length, defer_completion=deferred, address=address))
        for call in calls:
            ids = [first, processes.new_id()]
            outcomes = [await perform(each, ids, call, address) for each in (database, model)]
            assert outcomes[0] == outcomes[1]
            assert await database.load(first) == await model.load(first)
            assert await database.address_usage(address) == await model.address_usage(address)

    processes.runner.run(compare())
