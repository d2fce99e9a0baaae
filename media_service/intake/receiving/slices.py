"""Receive a slice: admit, write, check, sync, record.

The catalogue never claims a byte that is not on disk. Bytes of a partial outside of recorded slices are scratch.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from media_service.core import admission
from media_service.core.digest import format_digest_field
from media_service.core.errors.base import ServiceError
from media_service.core.errors.requests import BodyCut, Malformed
from media_service.core.errors.service import StorageError
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.ranges import Span
from media_service.core.reservation import first_reservation
from media_service.core.upload import Slice

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from media_service.core.ports.upload_store import SliceWriter
    from media_service.intake.context import Dependencies
    from media_service.intake.receiving.active_uploads import ActiveUpload
    from media_service.intake.receiving.leases import Lease
    from media_service.intake.receiving.lifecycle import UploadLifecycle
    from media_service.intake.tasks import TaskTracker


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """A slice of `size` bytes from `start`; None if the request does not state it, then `most` may bound it.

    `digest`: the SHA-256 that the bytes must have. `last`: the file ends with the slice, whatever length was announced.
    `cut_by_client`: the client chose the end (the connection did not), so the minimum size applies.
    """

    start: int
    size: int | None
    digest: bytes | None
    dialect: str
    _: KW_ONLY
    last: bool = False
    most: int | None = None
    cut_by_client: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a slice is written."""

    lease: Lease
    writer: SliceWriter


class SliceReceiver:
    """Receives slices. Recording is one of `tasks`, so it ends even if the client disconnects.

    `receiving` is called for blocks of admitted slices only: refused requests must not delay finishing.
    """

    def __init__(
        self, deps: Dependencies, lifecycle: UploadLifecycle, tasks: TaskTracker, receiving: Callable[[], None]
    ) -> None:
        self._deps = deps
        self._lifecycle = lifecycle
        self._tasks = tasks
        self._receiving = receiving

    async def receive(self, active: ActiveUpload, request: SliceRequest, body: AsyncIterable[bytes]) -> None:
        """Return when the slice is durable and recorded. Raise as `UploadService.receive`."""
        window = await self._admit(active, request)
        if window.repeat:
            await self._repeat(active, request, window, body)
            await self._lifecycle.complete_if_possible(active)
            return
        target = await self._begin(active, request, window)
        try:
            piece = await self._write(active, request, window, target.lease, body, target=target)
        except BaseException:
            self._end(active, target)
            raise
        # A disconnect must not cancel this: the row may already be on its way to the disk.
        commit = self._tasks.begin(self._commit(active, request, piece, target))
        await asyncio.shield(commit)

    async def _admit(self, active: ActiveUpload, request: SliceRequest) -> admission.WriteWindow:
        """End older writers of these bytes, then return where to write: what they recorded meanwhile counts."""
        limits = self._deps.options.limits
        if request.last:
            limits = replace(limits, slice=limits.file)
        while True:
            window = admission.admit(
                active.upload, active.received, request.start, request.size, limits=limits, dialect=request.dialect
            )
            stop = request.start + (request.size or 1)
            if window.repeat:
                return window
            self._check_slice(active, request, None if request.size is None else Span(request.start, stop))
            if not await active.leases.end(request.start, stop):
                return window

    def _check_slice(self, active: ActiveUpload, request: SliceRequest, span: Span | None) -> None:
        """Raise TooManySlices, SliceTooSmall. `span` is None while the slice's size is unknown."""
        limits = self._deps.options.limits
        admission.check_count(active.count, active.received, span, limits)
        if request.cut_by_client and span is not None:
            admission.check_small(active.upload, active.received, span, limits)

    def _acquire(self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow) -> Lease:
        """Return a lease. Must not await, so that no other writer comes after `_admit`."""
        stop, options = None if request.size is None else window.start + request.size, self._deps.options
        return active.leases.acquire(window.start, stop, options.idle_timeout, options.body_rate)

    async def _begin(self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow) -> _Target:
        """Acquire the lease, begin the slice and lock its bytes. The caller must call `_end`."""
        lease = self._acquire(active, request, window)
        try:
            target = _Target(lease, await self._open(active, request, window))
        except BaseException:
            active.release(lease)
            raise
        try:
            if not target.writer.try_lock():
                raise StorageError
        except BaseException:
            self._end(active, target)
            raise
        return target

    def _end(self, active: ActiveUpload, target: _Target) -> None:
        """Undo `_begin`. An ExitStack would cost a fifth of all other work on a slice."""
        target.writer.close()
        active.release(target.lease)

    async def _open(self, active: ActiveUpload, request: SliceRequest, window: admission.WriteWindow) -> SliceWriter:
        """Return the slice's writer. Raise UploadGone if the partial is missing and had recorded bytes."""
        begin = partial(
            self._deps.store.begin,
            active.upload.id,
            window.start,
            request.size,
            most=request.most,
            digest=request.digest,
        )
        writer, is_new = await begin(), False
        if writer is None and not active.received:
            # A power failure may lose a partial without recorded bytes; another process may have found that too.
            with suppress(FileExistsError):
                await self._deps.store.create(active.upload.id, first_reservation(active.upload.length))
            writer, is_new = await begin(), True
        if writer is None:
            await self._lifecycle.lose(active)
            raise active.upload.refusal()
        if is_new or active.reserved is None:
            # Without a length nothing is reserved, so DiskSpace admits every block.
            active.reserve(0 if active.upload.length is None else writer.allocated)
        return writer

    async def _repeat(
        self,
        active: ActiveUpload,
        request: SliceRequest,
        window: admission.WriteWindow,
        body: AsyncIterable[bytes],
    ) -> None:
        """Acknowledge recorded bytes. A body of unknown size is read first, because it may exceed them."""
        if request.size is None:
            lease = self._acquire(active, request, window)
            try:
                piece = await self._write(active, request, window, lease, body)
            finally:
                active.release(lease)
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
                if at + len(block) > window.limit:
                    raise admission.overrun(active.upload, window, self._deps.options.limits)
                self._receiving()
                lease.extend(at + len(block))
                if target is not None:
                    if at + len(block) > (active.reserved or 0):
                        await self._deps.space.admit(active, target.writer, at, at + len(block))
                    if not target.writer.extend(at + len(block)):
                        raise StorageError
                    await target.writer.write(block)
                at += len(block)
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
            _check_digest(piece, await self._make_durable(active, target.writer))
            admission.check_record(active.upload, active.received, piece)
            self._check_slice(active, request, Span(piece.start, piece.stop))
            await self._lifecycle.record(active, piece, last=request.last)
            path = self._deps.store.path(active.upload.id)
            self._deps.media.follow(active.upload, path, active.received.offset, piece)
        finally:
            self._end(active, target)
        await self._lifecycle.complete_if_possible(active)

    async def _make_durable(self, active: ActiveUpload, writer: SliceWriter) -> bytes | None:
        """Return the written slice's digest. On an error drop what was read ahead, which may be lost."""
        try:
            return await writer.commit(sync=self._deps.options.sync_slices)
        except ServiceError:
            self._deps.media.forget(active.upload.id)
            raise


def _check_digest(piece: Slice, digest: bytes | None) -> None:
    if piece.digest is not None and digest is not None and digest != piece.digest:
        raise DigestMismatch(format_digest_field(piece.digest), format_digest_field(digest))
