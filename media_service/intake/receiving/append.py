"""Appends: a body of any length that goes on where an upload stands.

An append is a run of slices. Every few MiB are recorded while the rest still comes, and where the body is cut, what
arrived is recorded too; only an append with a proof is one slice, taken whole or not at all, since half of it proves
nothing. There is one append per upload: a newer request ends it, and goes on where it ended.
"""

from __future__ import annotations

import asyncio
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from media_service.core import admission
from media_service.core.errors.requests import BodyCut, BodyTooSlow, IdleTimeout
from media_service.core.errors.service import ShuttingDown
from media_service.core.errors.uploads import SpanOutside, Superseded, UploadGone, WrongState
from media_service.core.rate import RateFloor
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, State
from media_service.intake.receiving.slices import SliceRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

    from media_service.core.digest import Proof
    from media_service.core.errors.base import MediaServiceError
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService

APPEND_SLICE_BYTES = 8 * 1024 * 1024
"""Bytes after which an append is recorded while it goes on."""

RECORD_SECONDS = 3.0
"""Seconds after which what came is recorded even if it is less: on a slow line a stride takes minutes to send again."""

SLICES_BEFORE_LONGER = 10_000
"""Slices after which that time doubles, each time: an upload has 100,000 at most, and lasts 30 days at this rate."""

IDLE_TIMEOUT_SHARE = 0.9
"""Of the seconds for which a slice waits for a block: an append gives up first, and keeps what came."""


def seconds_between_records(rows: int) -> float:
    """Return the seconds between two records of an append whose upload has so many slices."""
    return RECORD_SECONDS * float(1 << (rows // SLICES_BEFORE_LONGER))


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """An append as a dialect hands it over.

    `size` in bytes, None when the body does not tell it beforehand. `length`: what the request says of the whole file.
    `last`: the upload ends where the append ends. `proof`: what its bytes must digest to.
    `known`: the client has the upload's address; without it nobody goes on after a cut, and the upload is given up.
    """

    at: int
    size: int | None
    dialect: str
    _: KW_ONLY
    length: int | None = None
    last: bool = False
    proof: Proof | None = None
    known: bool = True


class Appends:
    """The appends under way, one per upload."""

    def __init__(self, uploads: UploadService) -> None:
        self._uploads = uploads
        self._running: dict[str, _RunningAppend] = {}
        self._closing = False

    async def append(
        self,
        upload_id: str,
        owner: str | None,
        request: AppendRequest,
        body: AsyncIterable[bytes],
        progress: Callable[[int], Awaitable[None]] | None = None,
    ) -> UploadView:
        """The upload once the whole body is recorded; `progress` hears every offset on the way.

        Return an upload that was rejected too, before this append or during it: its verdict says why.
        The body is read once the append is admitted. When the body is cut, the error says why, and what
        arrived is recorded, unless there is a proof. Raises what `check_append` and `UploadService.receive` raise.
        """
        await self.interrupt(upload_id, owner)
        if self._closing:
            raise ShuttingDown
        # Nothing is awaited between the last look and this: of two newcomers the second sees the first.
        append = self._running[upload_id] = _RunningAppend(self._uploads, upload_id, owner, request)
        try:
            return await append.run(body, progress)
        finally:
            del self._running[upload_id]
            append.ended.set()

    async def standing(self, upload_id: str, owner: str | None) -> UploadView:
        """How far the upload is, once what a stale connection still brought is recorded: an append there is admitted.

        One that was rejected is gone too: to say that its bytes are all here would be taken for success.
        Raises UnknownUpload, UploadGone.
        """
        await self.interrupt(upload_id, owner)
        view = await self._uploads.show(upload_id, owner)
        if view.upload.state in FINISHING:
            view = await self._uploads.wait_for_verdict(upload_id, self._uploads.options.verdict_wait_slice)
        if view.upload.state is not State.RECEIVING and view.upload.state not in COMPLETE_STATES:
            raise UploadGone(view.upload.state)
        return view

    async def interrupt(self, upload_id: str, owner: str | None) -> None:
        """Ends the append under way, and returns when what it got is recorded. Raises UnknownUpload."""
        await self._uploads.show(upload_id, owner)
        while append := self._running.get(upload_id):
            append.stop(Superseded())
            await append.ended.wait()

    async def close(self) -> None:
        """Takes nothing new and returns when what every append got is recorded."""
        self._closing = True
        while running := list(self._running.values()):
            for append in running:
                append.stop(ShuttingDown())
            for append in running:
                await append.ended.wait()


class _RunningAppend:
    """One append under way."""

    def __init__(self, uploads: UploadService, upload_id: str, owner: str | None, request: AppendRequest) -> None:
        self._uploads = uploads
        self._id = upload_id
        self._owner = owner
        self._request = request
        self._body: _SlicedBody | None = None
        self._stopped: MediaServiceError | None = None
        self.ended = asyncio.Event()

    def stop(self, reason: MediaServiceError) -> None:
        """Takes no more of the body."""
        self._stopped = self._stopped or reason
        if self._body is not None:
            self._body.stop(self._stopped)

    async def run(self, body: AsyncIterable[bytes], progress: Callable[[int], Awaitable[None]] | None) -> UploadView:
        try:
            return await self._run(body, progress)
        except BodyCut:
            if not self._request.known:
                await self._uploads.abandon(self._id)
            raise
        except (WrongState, Superseded):
            # A rejection ends the running append like a newer one does; only the upload tells which it was.
            view = await self._uploads.show(self._id, self._owner)
            if view.upload.state is State.REJECTED and view.upload.verdict is not None:
                return view
            raise

    async def _run(self, body: AsyncIterable[bytes], progress: Callable[[int], Awaitable[None]] | None) -> UploadView:
        view = await self._admit()
        if self._stopped is not None:
            raise self._stopped
        if view.upload.state is not State.RECEIVING and self._request.size is not None:
            return view
        options = self._uploads.options
        self._body = sliced = _SlicedBody(body, options.idle_timeout * IDLE_TIMEOUT_SHARE, options.body_rate)
        if view.upload.state is not State.RECEIVING and await sliced.more():
            raise SpanOutside(self._request.at, self._request.at)
        while await sliced.more():
            view = await self._record(sliced, view.received.offset)
            if progress is not None:
                await progress(view.received.offset)
        if sliced.cut is not None:
            raise sliced.cut
        if self._request.last:
            return await self._uploads.conclude(self._id, self._owner)
        return view

    async def _admit(self) -> UploadView:
        """The upload, which goes on where the append begins and has the length that the append says."""
        request, limits = self._request, self._uploads.options.limits
        view = await self._uploads.show(self._id, self._owner)
        admission.check_append(
            view.upload,
            view.received,
            request.at,
            request.size,
            length=request.length,
            limits=limits,
            dialect=request.dialect,
        )
        if request.length is not None and view.upload.length is None:
            return await self._uploads.edits.amend(self._id, self._owner, length=request.length)
        return view

    async def _record(self, body: _SlicedBody, at: int) -> UploadView:
        """The next slice of the body."""
        proof, dialect = self._request.proof, self._request.dialect
        if proof is not None:
            whole = SliceRequest(at, self._request.size, proof.sha256, dialect)
            return await self._uploads.receive(self._id, self._owner, whole, body.proven(proof))
        stride = min(APPEND_SLICE_BYTES, self._uploads.options.limits.slice)
        moment = seconds_between_records(self._uploads.slices_recorded(self._id))
        piece = SliceRequest(at, None, None, dialect)
        return await self._uploads.receive(self._id, self._owner, piece, body.next(stride, moment))


class _SlicedBody:
    """A body that comes in slices, and keeps no block once it was taken. `cut`: why it ended before its time."""

    def __init__(self, body: AsyncIterable[bytes], idle: float, rate: int) -> None:
        self._blocks = aiter(body)
        self._idle = idle
        self._rate = rate
        self._floor = RateFloor(rate, idle, 0)
        self._waited = 0.0
        self._block = b""
        self._over = False
        self._waiting: asyncio.Timeout | None = None
        self._stopped: MediaServiceError | None = None
        self.cut: MediaServiceError | None = None

    def stop(self, reason: MediaServiceError) -> None:
        """Ends the body here."""
        self._stopped = reason
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def more(self) -> bool:
        """Whether there are bytes to take, once some came or the body ended."""
        while not self._block and not self._over:
            await self._read()
        return bool(self._block)

    async def next(self, size: int, moment: float) -> AsyncIterator[bytes]:
        """The next `size` bytes; fewer where the body ends, or where they take longer than so many seconds."""
        clock = asyncio.get_running_loop().time
        due = clock() + moment
        while size and await self.more():
            block, self._block = self._block[:size], self._block[size:]
            size = size - len(block) if clock() < due else 0
            yield block
            del block

    async def proven(self, proof: Proof) -> AsyncIterator[bytes]:
        """All bytes to the end. Raises why the body was cut, and DigestMismatch."""
        seen = proof.begin()
        while await self.more():
            block, self._block = self._block, b""
            seen.update(block)
            yield block
            del block
        if self.cut is not None:
            raise self.cut
        proof.check(seen)

    async def _read(self) -> None:
        if self._stopped is None:
            try:
                async with asyncio.timeout(self._idle) as self._waiting:
                    await self._wait_for_block()
                return
            except StopAsyncIteration:
                pass
            except TimeoutError:
                self.cut = self._stopped or IdleTimeout(self._idle)
            except BodyCut as cut:
                self.cut = cut
            finally:
                self._waiting = None
        else:
            self.cut = self._stopped
        self._over = True

    async def _wait_for_block(self) -> None:
        """Take the next block; the last one if the body comes too slowly."""
        clock = asyncio.get_running_loop().time
        began = clock()
        self._block = await anext(self._blocks)
        # Only the time that the client takes counts, not that of recording the last slice.
        self._waited += clock() - began
        if not self._floor.count(len(self._block), self._waited):
            self.cut, self._over = BodyTooSlow(self._rate, self._idle), True
