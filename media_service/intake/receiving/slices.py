"""Receive a slice: admit, write, check, sync, record.

The catalogue never claims a byte that is not on disk. Bytes of a partial outside of recorded slices are scratch.

Writers of the same bytes exclude each other: in this process by leases, between processes by the store's locks. Under
the lock, `Catalogue.peek` shows whether another process has recorded the bytes: recorded ones are never overwritten. A
store whose attempts are objects of their own overwrites nothing, so there the transaction that records decides alone.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core import admission
from media_service.core.digest import format_digest_field
from media_service.core.errors.base import Refusal
from media_service.core.errors.requests import BodyCut, Malformed
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.ranges import Span
from media_service.core.reservation import first_reservation
from media_service.core.upload import Slice
from media_service.intake.receiving.span_lock import lock_ahead, lock_more, lock_span

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from media_service.core.ports.upload_store import SliceWriter
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.active_uploads import ActiveUpload
    from media_service.intake.receiving.leases import Lease
    from media_service.intake.receiving.lifecycle import UploadLifecycle
    from media_service.intake.receiving.slice_request import SliceRequest
    from media_service.intake.tasks import TaskTracker

MAX_ATTEMPTS = 8
"""Attempts to begin a slice while other processes change the upload."""


@dataclass(slots=True)
class _Target:
    """The place where a slice is written, with its lease in this process and its lock against others.

    `checked_to`: the bytes before it are locked, and no process has recorded them.
    """

    window: admission.WriteWindow
    lease: Lease
    writer: SliceWriter
    checked_to: int = 0


class SliceReceiver:
    """Receives slices. Recording is one of `tasks`, so it ends even if the client disconnects."""

    def __init__(self, deps: Dependencies, lifecycle: UploadLifecycle, tasks: TaskTracker) -> None:
        self._deps = deps
        self._lifecycle = lifecycle
        self._tasks = tasks

    async def receive(self, active: ActiveUpload, request: SliceRequest, body: AsyncIterable[bytes]) -> None:
        """Return when the slice is durable and recorded. Raise as `UploadService.receive`."""
        arrived = self._deps.clock()
        target = await self._begin(active, request, arrived)
        if isinstance(target, admission.WriteWindow):
            await self._repeat(active, request, target, body, arrived=arrived)
            await self._lifecycle.complete_if_possible(active)
            return
        try:
            piece = await self._write(active, request, target.window, target.lease, body, target=target)
        except BaseException:
            self._end(active, target)
            raise
        # A disconnect must not cancel this: the row may already be on its way to the disk.
        commit = self._tasks.begin(self._commit(active, request, piece, target))
        await asyncio.shield(commit)

    async def _begin(
        self, active: ActiveUpload, request: SliceRequest, arrived: int
    ) -> _Target | admission.WriteWindow:
        """Return where to write, locked; or the window of a repeat. The caller must call `_end` with a target."""
        for _ in range(MAX_ATTEMPTS):
            window = await self._admit(active, request, arrived)
            if window.repeat:
                peeked = await self._deps.catalogue.peek(active.upload.id, window.start, window.start)
                if peeked is not None and peeked[0] == active.upload.version:
                    return window
                await self._deps.active_uploads.refresh(active)
                continue
            lease = self._acquire(active, request, window, arrived)
            try:
                writer = await self._open(active, request, window)
            except BaseException:
                self._release(active, lease)
                raise
            target = _Target(window, lease, writer)
            try:
                if await lock_span(self._deps, active.upload.id, writer, lease):
                    target.checked_to = lock_ahead(writer, window, request)
                    if await self._may_write(active, request, target):
                        return target
            except BaseException:
                self._end(active, target)
                raise
            # Another process recorded these bytes or changed the upload, and its hint has not arrived.
            self._end(active, target)
            await self._deps.active_uploads.refresh(active)
        raise ChangedMeanwhile

    async def _admit(self, active: ActiveUpload, request: SliceRequest, arrived: int) -> admission.WriteWindow:
        """End older writers of these bytes, then return where to write: what they recorded meanwhile counts."""
        limits = self._deps.options.limits
        if request.last:
            limits = replace(limits, slice=limits.file)

        def decision() -> admission.WriteWindow:
            if request.appends:
                admission.check_offset(active.upload, active.received, request.start, request.dialect)
            window = admission.admit(
                active.upload, active.received, request.start, request.size, limits=limits, dialect=request.dialect
            )
            if not window.repeat:
                known = None if request.size is None else Span(request.start, request.start + request.size)
                self._check_slice(active, request, known)
            return window

        while True:
            window = await self._deps.active_uploads.decide(active, decision)
            stop = request.start + (request.size or 1)
            if window.repeat or not await active.leases.end(request.start, stop, arrived):
                return window

    def _check_slice(self, active: ActiveUpload, request: SliceRequest, span: Span | None) -> None:
        """Raise TooManySlices, SliceTooSmall. `span` is None while the slice's size is unknown."""
        limits = self._deps.options.limits
        admission.check_count(active.count, active.received, span, limits)
        if request.cut_by_client and span is not None:
            admission.check_small(active.upload, active.received, span, limits)

    def _acquire(
        self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow, arrived: int
    ) -> Lease:
        """Return a lease. Must not await, so that no other writer comes after `_admit`."""
        stop, options = None if request.size is None else window.start + request.size, self._deps.options
        return active.leases.acquire(window.start, stop, options.idle_timeout, rate=options.body_rate, arrived=arrived)

    async def _open(self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow) -> SliceWriter:
        """Return the slice's writer. Raise UploadGone if the upload's bytes are missing."""
        writer, is_new = await self._begin_writer(active, request, window), False
        if writer is None:
            # An upload that has ended has no partial either.
            await self._lifecycle.lose_if_missing(active)
            admission.check_record(active.upload, active.received, Slice(window.start, window.start))
            # A power failure may lose a partial without recorded bytes.
            with suppress(FileExistsError):
                await self._deps.store.create(active.upload.id, first_reservation(active.upload.length))
            writer, is_new = await self._begin_writer(active, request, window), True
        if writer is None:
            raise ChangedMeanwhile
        if is_new or active.reserved is None:
            # Without a length nothing is reserved, so DiskSpace admits every block.
            active.reserve(0 if active.upload.length is None else writer.allocated)
        return writer

    async def _begin_writer(
        self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow
    ) -> SliceWriter | None:
        return await self._deps.store.begin(
            active.upload.id, window.start, request.size, most=request.most, digest=request.digest
        )

    async def _may_write(self, active: ActiveUpload, request: SliceRequest, target: _Target) -> bool:
        """Return whether the upload in memory is the catalogue's, and no process has recorded the target's bytes.

        Of an attempt of its own nobody asks: what the recording transaction refuses was received in vain, and the query
        costs a receiver 5 % of an 8 MiB slice. But an append must be told its offset before its body is read, and bytes
        of an upload without a length are charged as they come.
        """
        if target.writer.is_separate and not request.appends and active.upload.length is not None:
            return True
        peeked = await self._deps.catalogue.peek(active.upload.id, target.window.start, target.checked_to)
        return peeked == (active.upload.version, False)

    def _release(self, active: ActiveUpload, lease: Lease) -> None:
        lease.release()
        if not active.leases:
            self._deps.usage.settle(active)

    def _end(self, active: ActiveUpload, target: _Target) -> None:
        """Undo `_begin`. An ExitStack would cost a fifth of all other work on a slice."""
        target.writer.close()
        self._release(active, target.lease)

    async def _repeat(
        self,
        active: ActiveUpload,
        request: SliceRequest,
        window: admission.WriteWindow,
        body: AsyncIterable[bytes],
        *,
        arrived: int,
    ) -> None:
        """Acknowledge recorded bytes. A body of unknown size is read first, because it may exceed them."""
        if request.size is None:
            lease = self._acquire(active, request, window, arrived)
            try:
                piece = await self._write(active, request, window, lease, body)
            finally:
                self._release(active, lease)
        else:
            piece = Slice(window.start, window.start + request.size, request.digest)
        if request.digest is not None:
            _, recorded = await self._deps.active_uploads.load(active.upload.id, None)
            admission.check_repeat(recorded, piece)

    async def _write(
        self,
        active: ActiveUpload,
        request: SliceRequest,
        window: admission.WriteWindow,
        lease: Lease,
        body: AsyncIterable[bytes],
        *,
        target: _Target | None = None,
    ) -> Slice:
        """Write the body, neither checked nor durable yet; without `target` only count its bytes."""
        at = window.start
        async with lease:
            async for block in body:
                if not block:
                    # The dialect read bytes that are not the slice's.
                    lease.touch()
                    continue
                stop = at + len(block)
                if stop > window.limit:
                    raise admission.overrun(active.upload, window, self._deps.options.limits)
                lease.extend(stop)
                if target is not None:
                    # Of an object of its own, the recording transaction decides.
                    if stop > target.checked_to and not target.writer.is_separate:
                        await lock_more(self._deps, active.upload.id, target.writer, at, stop)
                        target.checked_to = stop
                    if stop > (active.reserved or 0):
                        await self._deps.space.admit(active, target.writer, at, stop)
                    await target.writer.write(block)
                at = stop
                # Free the block before waiting for the next one.
                del block
        if at == window.start:
            raise Malformed("slice", "it has no bytes")
        if request.size is not None and at != window.start + request.size:
            raise BodyCut
        return Slice(window.start, at, request.digest)

    async def _commit(self, active: ActiveUpload, request: SliceRequest, piece: Slice, target: _Target) -> None:
        """Check a written slice, make it durable and record it."""
        try:
            # Before the sync, so that both run at once: one needs the processor, the other the disk.
            target.writer.end()
            digest, stored = await target.writer.commit(sync=self._deps.options.sync_slices)
            if piece.digest is not None and digest != piece.digest:
                assert digest is not None
                raise DigestMismatch(format_digest_field(piece.digest), format_digest_field(digest))
            if stored is not None:
                piece = replace(piece, object=stored)
            admission.check_record(active.upload, active.received, piece)
            self._check_slice(active, request, Span(piece.start, piece.stop))
            await self._lifecycle.record(active, piece, last=request.last)
        except (Refusal, ChangedMeanwhile):
            # In a store without locks another process may have recorded the same bytes meanwhile.
            if piece.object is None or request.appends or not await self._lifecycle.is_recorded(active, piece):
                raise
        finally:
            self._end(active, target)
