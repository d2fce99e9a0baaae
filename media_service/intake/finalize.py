"""From recorded bytes to a file in the spool: verify, tag, place, deliver, discard.

The queue is the catalogue: an upload is finished when its row says so, and every step may be repeated, so that
recovery after a crash is to finish again. What stands in memory here is only whom to look at next.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors import (
    BytesMissing,
    Duplicate,
    FinishingFailed,
    Refusal,
    StorageTrouble,
    Trouble,
    UnknownUpload,
)
from media_service.core.ports import Placed, StoredFile
from media_service.core.upload import FINISHING, Event, Facts, Placing, Review, State, Upload, Verdict
from media_service.core.verdict import Finding, Severity, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from media_service.core.ports import Catalogue, Media, Partials, Quarantine, Spool
    from media_service.core.upload import Slice

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds before an upload is tried again after a trouble of ours; doubled each time."""

FAULTS = 4
"""How often an upload meets a fault of ours before it is left for the next start, and says so."""

MOMENT = 0.25
"""Seconds for which receiving has the way after the last sign of it."""

WAY, LONGEST_WAY = 9.0, 1.0
"""How many times as long as an upload took to be finished receiving gets behind it, and the most seconds of that."""

NAMES = 64
"""How many names for a file are looked at together."""

SAID_AS = {"length_mismatch": "size_mismatch"}
"""Refusals that findings call otherwise."""

log = structlog.get_logger()


class Finisher:
    """Finishes uploads one after the other, beside the receiving of others."""

    def __init__(
        self,
        catalogue: Catalogue,
        partials: Partials,
        spool: Spool,
        quarantine: Quarantine,
        media: Media,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        duplicates: Literal["keep", "refuse", "link"] = "keep",
    ) -> None:
        self._duplicates = duplicates
        self._catalogue = catalogue
        self._partials = partials
        self._spool = spool
        self._quarantine = quarantine
        self._media = media
        self._clock = clock
        self._new_id = new_id
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._delays: dict[str, float] = {}
        self._faults: dict[str, int] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._way_until = 0.0

    def wake(self, upload_id: str) -> None:
        """Looks at this upload soon."""
        self._waiting.setdefault(upload_id, asyncio.Event())
        self._queue.put_nowait(upload_id)

    def make_way(self) -> None:
        """Bytes are being received: finishing may take only a share of the time for a moment."""
        self._way_until = asyncio.get_running_loop().time() + MOMENT

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be finished and nothing was received for a moment."""
        return self._queue.empty() and asyncio.get_running_loop().time() >= self._way_until

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        """The same as `wait` when this upload is the next one; others would wait for nothing, and hear False."""
        if not seconds or self._queue.qsize() > 1:
            return False
        await self.wait(upload_id, seconds)
        return True

    async def wait(self, upload_id: str, seconds: float) -> None:
        """Returns when the woken upload has ended, or after so many seconds."""
        if done := self._waiting.get(upload_id):
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), seconds)

    async def run(self) -> None:
        """Goes on with what a former run left, then with what is woken, until cancelled."""
        for upload in await self._catalogue.in_state(FINISHING):
            self.wake(upload.id)
        loop = asyncio.get_running_loop()
        while True:
            upload_id = await self._queue.get()
            begun = loop.time()
            try:
                await self._look_at(upload_id)
            except (Trouble, OSError) as trouble:
                self._try_later(upload_id, str(trouble))
            except Exception:
                # The top of a task: an upload that meets a fault of ours must not hold up all others.
                log.exception("finishing failed", upload=upload_id)
                await self._met_fault(upload_id)
            if not self._queue.empty() and loop.time() < self._way_until:
                await asyncio.sleep(min((loop.time() - begun) * WAY, LONGEST_WAY))

    def _try_later(self, upload_id: str, why: str) -> None:
        delay = self._delays.get(upload_id, FIRST_RETRY)
        self._delays[upload_id] = min(delay * 2, LAST_RETRY)
        log.warning("finishing goes on later", upload=upload_id, seconds=delay, trouble=why)
        asyncio.get_running_loop().call_later(delay, self.wake, upload_id)

    async def _met_fault(self, upload_id: str) -> None:
        """Tries again, for it may have been the moment's fault; a few times, and then the upload's row says so."""
        self._faults[upload_id] = self._faults.get(upload_id, 0) + 1
        if self._faults[upload_id] < FAULTS:
            self._try_later(upload_id, "a fault of ours")
            return
        try:
            loaded = await self._catalogue.load(upload_id)
            if loaded is not None and loaded[0].state in FINISHING:
                await self._saved(replace(loaded[0], verdict=Verdict(FinishingFailed.code, {})))
        except Trouble as trouble:
            log.warning("a fault could not be noted", upload=upload_id, trouble=str(trouble))
        self._forget(upload_id)

    async def _look_at(self, upload_id: str) -> None:
        loaded = await self._catalogue.load(upload_id)
        if loaded is not None and loaded[0].state in FINISHING:
            await self.finish(*loaded)
        self._forget(upload_id)

    def _forget(self, upload_id: str) -> None:
        """Nothing more is done for this upload, whoever waits for it."""
        self._delays.pop(upload_id, None)
        self._faults.pop(upload_id, None)
        if done := self._waiting.pop(upload_id, None):
            done.set()

    async def finish(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        """Takes a whole upload to its end: spooled, rejected or lost. Raises Trouble when it must be tried again."""
        # What a former run failed at may be mended.
        upload, twin = replace(upload, verdict=None), None
        try:
            if upload.state is State.RECEIVED:
                upload, twin = await self._verify(upload, slices)
            elif self._duplicates == "link" and upload.facts is not None:
                twin = await self._catalogue.same_sound(upload.facts)
            if upload.state is State.VERIFIED:
                upload = await self._deliver(upload, twin)
            return upload
        except Refusal as refusal:
            return await self._reject(upload, refusal)
        except FileNotFoundError as missing:
            if await self._partials.open(upload.id) is not None:
                self._partials.close(upload.id)
                raise StorageTrouble from missing
            log.error("partial missing", upload=upload.id)
            return await self._saved(upload.step(Event.LOSE, self._clock()))

    async def keep_rejected(self, upload: Upload, refusal: Refusal, findings: Sequence[Finding]) -> Verdict:
        """Puts what came of the upload into quarantine with a report, and says what the upload's row is to say."""
        if not findings:
            code, fields = SAID_AS.get(refusal.code, refusal.code), refusal.details()
            expected, actual = fields.get("expected"), fields.get("actual", fields.get("name"))
            findings = [Finding(code, Severity.REJECT, expected=expected, actual=actual)]  # type: ignore[arg-type]  # digests and sizes
        verdict = Verdict(refusal.code, refusal.details(), tuple(findings))
        report = {"upload": upload.id, "filename": upload.filename, "code": verdict.code, **verdict.details}
        report |= {"findings": [finding.told() for finding in findings]}
        await self._quarantine.take(upload.id, self._partials.path(upload.id), report)
        return verdict

    async def look_again(self, upload_id: str, review: Review) -> None:
        """Takes a rejected file out of quarantine, to be judged anew or taken as it is.

        Raises UnknownUpload, WrongState, UploadGone, and BytesMissing for one that was rejected before all of it came.
        """
        loaded = await self._catalogue.load(upload_id)
        kept = await self._quarantine.kept(upload_id)
        if loaded is None or (loaded[0].state is State.REJECTED and kept is None):
            raise UnknownUpload
        upload = loaded[0]
        again = upload.step(Event.RECHECK, self._clock(), review=review, verdict=None)
        if kept != upload.length:
            raise BytesMissing(kept or 0)
        await self._quarantine.give_back(upload_id, self._partials.path(upload_id))
        await self._saved(again)
        self.wake(upload_id)

    async def _verify(self, upload: Upload, slices: Sequence[Slice]) -> tuple[Upload, StoredFile | None]:
        """The upload with what is true of it, and the finished file of the same sound."""
        assert upload.length is not None
        await self._partials.trim(upload.id, upload.length)
        facts = await self._media.verify(self._partials.path(upload.id), upload, slices)
        refusal = refusal_of(facts.findings)
        if refusal is not None and upload.review is not Review.FORCED:
            return await self._reject(upload, refusal, facts.findings), None
        twin = await self._catalogue.same_sound(facts)
        if twin is not None:
            if self._duplicates == "refuse" and upload.review is not Review.FORCED:
                raise Duplicate(twin.placed.name)
            facts = _known_as(facts, twin)
        return await self._saved(upload.step(Event.VERIFY, self._clock(), facts=facts)), twin

    async def _deliver(self, upload: Upload, twin: StoredFile | None) -> Upload:
        """Gives the file its name in the spool, once, wherever a former run ended."""
        if twin is not None and self._duplicates == "link" and upload.placing is None:
            return await self._link(upload, twin)
        if upload.placing is None:
            upload = await self._place(upload)
        elif await self._spool.waits(upload.id):
            upload = await self._publish(upload, upload.placing)
        assert upload.facts is not None
        placing = upload.placing
        assert placing is not None
        placed = Placed(placing.name, placing.size, placing.sha256)
        now = self._clock()
        file = StoredFile(
            id=self._new_id(),
            upload_id=upload.id,
            owner=upload.owner,
            sender=upload.sender,
            filename=upload.filename,
            placed=placed,
            facts=upload.facts,
            tags=placing.tags,
            uploaded_at=upload.created_at,
            spooled_at=now,
        )
        delivered = upload.step(Event.DELIVER, now, file_id=file.id)
        await self._catalogue.deliver(delivered, file)
        await self._partials.discard(upload.id)
        if upload.review is not None:
            await self._quarantine.discard(upload.id)
        log.info("spooled", upload=upload.id, name=placed.name, size=placed.size)
        return delivered

    async def _link(self, upload: Upload, twin: StoredFile) -> Upload:
        """The same sound is there already: the upload leads to that file."""
        linked = await self._saved(upload.step(Event.DELIVER, self._clock(), file_id=twin.id))
        await self._partials.discard(upload.id)
        log.info("linked", upload=upload.id, file=twin.id)
        return linked

    async def _place(self, upload: Upload) -> Upload:
        """Tags the file beside the spool and gives it a name."""
        assert upload.facts is not None
        source = self._partials.path(upload.id)
        plan, tags = await self._media.plan_tags(source, upload)
        assembled = await self._spool.assemble(upload.id, source, plan, plan.length or upload.facts.size)
        return await self._publish(upload, Placing("", assembled.size, assembled.sha256, tags))

    async def _publish(self, upload: Upload, placing: Placing) -> Upload:
        """Gives the assembled file the first name that no file has, nor had before its reader took it away.

        The catalogue knows the name before the file has it, so after a crash nobody has to guess.
        """
        if placing.name and await self._spool.publish(upload.id, placing.name):
            return upload
        for first in count(1, NAMES):
            names = self._spool.names(upload.filename, first, NAMES)
            taken = await self._catalogue.stored_names(names)
            for name in names:
                if name not in taken and name != placing.name:
                    upload = await self._saved(replace(upload, placing=replace(placing, name=name)))
                    if await self._spool.publish(upload.id, name):
                        return upload
        raise AssertionError("names are counted without end")

    async def _reject(self, upload: Upload, refusal: Refusal, findings: Sequence[Finding] = ()) -> Upload:
        verdict = await self.keep_rejected(upload, refusal, findings)
        rejected = await self._saved(upload.step(Event.REJECT, self._clock(), verdict=verdict))
        await self._partials.discard(upload.id)
        log.info("rejected", upload=upload.id, code=verdict.code)
        return rejected

    async def _saved(self, upload: Upload) -> Upload:
        await self._catalogue.save(upload)
        return upload


def _known_as(facts: Facts, twin: StoredFile) -> Facts:
    """The facts with a note that the same sound is there already."""
    exact = facts.content_hash == twin.facts.content_hash
    note = Finding(
        "duplicate", Severity.INFO, expected="same bytes" if exact else "same sound", actual=twin.placed.name
    )
    return replace(facts, findings=(*facts.findings, note))
