"""Appends: a body of any length that continues an upload at its offset.

An append is recorded in slices while it arrives, and up to its last byte if it is cut. With a proof it is one slice,
all or nothing, because a part cannot be checked. A newer request ends a running append, in whatever process, and
continues where it ended: a running append has a lock.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from media_service.core import admission
from media_service.core.errors.base import Refusal
from media_service.core.errors.requests import BodyCut
from media_service.core.errors.service import ChangedMeanwhile, ShuttingDown
from media_service.core.errors.uploads import SpanOutside, Superseded, UploadGone, WrongState
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, GONE, State
from media_service.intake.backoff import Backoff
from media_service.intake.receiving.arrival import is_newer
from media_service.intake.receiving.slice_request import SliceRequest
from media_service.intake.receiving.sliced_body import SlicedBody
from media_service.intake.topics import INTERRUPT
from media_service.intake.upload_locks import try_locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from media_service.core.access import Viewer
    from media_service.core.digest import Proof
    from media_service.core.errors.base import MediaServiceError
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.locks import Locks
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService

APPEND_SLICE_BYTES = 8 * 1024 * 1024
"""Bytes after which an append is recorded while it continues."""

RECORD_SECONDS = 3.0
"""Seconds after which fewer bytes are recorded too: on a slow line 8 MiB take minutes to send again."""

SLICES_BEFORE_LONGER = 10_000
"""RECORD_SECONDS doubles after each so many slices: an upload has 100,000 and 30 days at most."""

MAX_LOCK_SECONDS = 20.0
"""Maximum wait until that append has recorded what it received: its disk may be slow."""

IDLE_TIMEOUT_SHARE = 0.9
"""Share of a slice's idle timeout: the append times out first, and records what came."""


def seconds_between_records(rows: int) -> float:
    """Return the seconds between two records of an append to an upload with `rows` slices."""
    return RECORD_SECONDS * float(1 << (rows // SLICES_BEFORE_LONGER))


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """An append of `size` bytes at offset `at`; None if the request does not state the size.

    `length`: the file's length as the request states it. `last`: the file ends with the append. `proof`: checksum of
    its bytes. `known`: the client has the upload's URL; without it nobody can resume, and a cut abandons the upload.
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
    """The running appends of this process, one per upload. `clock` returns UTC microseconds."""

    def __init__(self, uploads: UploadService, locks: Locks, bus: Bus, *, clock: Callable[[], int]) -> None:
        self._uploads = uploads
        self._locks = locks
        self._bus = bus
        self._clock = clock
        self._running: dict[str, _RunningAppend] = {}
        self._closing = False
        self._origin = secrets.token_hex(8)
        bus.subscribe(INTERRUPT, self._stop)

    async def append(
        self,
        upload_id: str,
        viewer: Viewer | None,
        request: AppendRequest,
        body: AsyncIterable[bytes],
        progress: Callable[[int], Awaitable[None]] | None = None,
    ) -> UploadView:
        """Return the upload after all of the body is recorded; call `progress` with each offset.

        The body is read only after admission. If it is cut, raise the reason after recording what came (nothing, with a
        proof). Return an upload that was rejected before or during the append too: its verdict says why. Raise as
        `check_append` and `UploadService.receive`.
        """
        arrived = self._clock()
        await self._uploads.known(upload_id, viewer)
        if not await self._lock(upload_id, arrived):
            raise Superseded
        # No await since the lock: of two new appends the second sees the first.
        append = _RunningAppend(self._uploads, self._locks, upload_id, viewer, request, arrived=arrived)
        self._running[upload_id] = append
        try:
            if self._closing:
                raise ShuttingDown
            return await append.run(body, progress)
        finally:
            del self._running[upload_id]
            append.ended.set()
            self._locks.release(_lock_name(upload_id))

    async def standing(self, upload_id: str, viewer: Viewer | None) -> UploadView:
        """Return where the upload continues, after recording what a stale connection sent.

        Raise UploadGone also for a rejected upload: its full offset would look like success.
        """
        await self.interrupt(upload_id, viewer)
        view = await self._uploads.show(upload_id, viewer)
        if view.upload.state in FINISHING:
            view = await self._uploads.wait_for_verdict(upload_id, self._uploads.options.verdict_wait_slice)
        if view.upload.state is not State.RECEIVING and view.upload.state not in COMPLETE_STATES:
            raise view.upload.refusal() if view.upload.state in GONE else UploadGone(view.upload.state)
        return view

    async def interrupt(self, upload_id: str, viewer: Viewer | None) -> None:
        """End the running append unless it is newer, and return when what older ones received is recorded."""
        arrived = self._clock()
        await self._uploads.known(upload_id, viewer)
        if await self._lock(upload_id, arrived):
            self._locks.release(_lock_name(upload_id))

    async def close(self) -> None:
        """Refuse new appends, and return when what every append received is recorded."""
        self._closing = True
        while running := list(self._running.values()):
            for append in running:
                append.stop(ShuttingDown())
            for append in running:
                await append.ended.wait()

    async def _lock(self, upload_id: str, arrived: int) -> bool:
        """Lock the upload's appends, after the running one has ended; return False if that is newer.

        Raise ChangedMeanwhile if it does not end.
        """
        backoff = Backoff(MAX_LOCK_SECONDS)
        while not await self._locks.acquire(_lock_name(upload_id), 0):
            append = self._running.get(upload_id)
            if append is None:
                self._bus.publish(INTERRUPT, upload_id, arrived, self._origin)
                if not await backoff.pause():
                    raise ChangedMeanwhile
            elif is_newer(append.arrived, arrived):
                return False
            else:
                append.stop(Superseded())
                await append.ended.wait()
        return True

    def _stop(self, upload_id: str, arrived: int, origin: str) -> None:
        append = self._running.get(upload_id)
        if append is not None and origin != self._origin and not is_newer(append.arrived, arrived):
            append.stop(Superseded())


def _lock_name(upload_id: str) -> str:
    return f"append:{upload_id}"


class _RunningAppend:
    def __init__(
        self,
        uploads: UploadService,
        locks: Locks,
        upload_id: str,
        viewer: Viewer | None,
        request: AppendRequest,
        *,
        arrived: int,
    ) -> None:
        self._uploads = uploads
        self._locks = locks
        self._id = upload_id
        self._viewer = viewer
        self._request = request
        self.arrived = arrived
        self._body: SlicedBody | None = None
        self._stopped: MediaServiceError | None = None
        self.ended = asyncio.Event()

    def stop(self, reason: MediaServiceError) -> None:
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
            # A rejection ends the append as a newer one does; the upload tells which it was. It is saved once all
            # writers have ended, under this lock.
            async with try_locked(self._locks, upload_lock(self._id), MAX_LOCK_SECONDS):
                view = await self._uploads.show(self._id, self._viewer)
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
        self._body = sliced = SlicedBody(body, options.idle_timeout * IDLE_TIMEOUT_SHARE, options.body_rate)
        if view.upload.state is not State.RECEIVING and await sliced.more():
            raise SpanOutside(self._request.at, self._request.at)
        while await sliced.more():
            view = await self._record(sliced, view.received.offset)
            if progress is not None:
                await progress(view.received.offset)
        if sliced.cut is not None:
            raise sliced.cut
        if self._request.last:
            return await self._uploads.conclude(self._id, self._viewer)
        return view

    async def _admit(self) -> UploadView:
        """Check the append, and set the upload's length if the request states it first."""
        view = await self._uploads.known(self._id, self._viewer)
        try:
            self._check(view)
        except Refusal:
            # Another process may have recorded more, and its hint may not have arrived.
            view = await self._uploads.show(self._id, self._viewer)
            self._check(view)
        if self._request.length is not None and view.upload.length is None:
            return await self._uploads.edits.amend(self._id, self._viewer, length=self._request.length)
        return view

    def _check(self, view: UploadView) -> None:
        request, limits = self._request, self._uploads.options.limits
        admission.check_append(
            view.upload,
            view.received,
            request.at,
            request.size,
            length=request.length,
            limits=limits,
            dialect=request.dialect,
        )

    async def _record(self, body: SlicedBody, at: int) -> UploadView:
        proof, dialect = self._request.proof, self._request.dialect
        if proof is not None:
            request = SliceRequest(at, self._request.size, proof.sha256, dialect, appends=True)
            blocks = body.proven(proof)
        else:
            size = min(APPEND_SLICE_BYTES, self._uploads.options.limits.slice)
            seconds = seconds_between_records(self._uploads.slices_recorded(self._id))
            request = SliceRequest(at, None, None, dialect, most=size, appends=True)
            blocks = body.next(size, seconds)
        return await self._uploads.receive(self._id, self._viewer, request, blocks)
