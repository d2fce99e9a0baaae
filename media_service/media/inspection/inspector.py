"""Is every byte of a finished upload right, and is it an MP3? And how is it to be tagged?"""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from media_service.core.chapters import Chapter, audible_chapters
from media_service.core.digest import format_digest_field
from media_service.core.errors.files import ContentHashMismatch, LengthMismatch, NotMp3, TooCostly
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.files import CoverAndChapters, RewritePlan, TagValues
from media_service.core.findings import Finding, Outcome, Severities, Severity, outcome
from media_service.core.tags import guessed_tags
from media_service.media.images import inspect_image
from media_service.media.inspection import findings
from media_service.media.inspection.facts import audio_span, build_facts, provenance
from media_service.media.inspection.load import LoadMonitor
from media_service.media.inspection.read_ahead import ReadAhead
from media_service.media.inspection.read_pool import ReadPool
from media_service.media.tags.charset import read_id3v1_texts, suggest_texts
from media_service.media.tags.safety_scan import TagScan, scan_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.cover import Picture
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.media.mpeg.report import StreamReport
    from media_service.media.workers.pool import TagWorker, TagWorkerPool

READ_AHEAD_BYTES = 4 * 1024 * 1024
"""Bytes that must wait to be read before the reader sets out: small files are read once, at their end.

The first mebibyte of a larger one is read at once: it shows what can never be accepted.
"""

FEW_FRAMES = 4
"""Frames below which our own walk alone is not believed."""

TIMED_OUT = "it took too long"
"""What the finding says of a tag that the child was killed over: it is not shown to another."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TagOptions:
    """How files are tagged, and what a cover may be: bytes, and pixels of its longer side.

    `mode`: `full` writes what the sender typed and where the file came from, `provenance` only the latter, `none`
    leaves every byte. `version` is 3 or 4, None to keep the one found.
    """

    mode: Literal["full", "provenance", "none"] = "full"
    version: int | None = None
    cover_limit: int = 2 * MIB
    cover_pixels: int = 4096


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """How the examiner works. With `read_ahead` files are read while they arrive; without, in one pass at their end."""

    read_ahead: bool = True
    policy: Severities = field(default_factory=Severities)
    tagging: TagOptions = field(default_factory=TagOptions)


class MediaInspector:
    """`core.ports.media.Media`: digests, frames and verdicts here, mutagen in child processes."""

    def __init__(self, worker: TagWorker | TagWorkerPool, habits: MediaOptions) -> None:
        self._worker = worker
        self._media_options = habits
        self._read_aheads: dict[str, ReadAhead] = {}
        self._pool = ReadPool(LoadMonitor())
        self._on_early_reject: Callable[[str, Sequence[Finding]], None] | None = None

    def on_early_reject(self, call: Callable[[str, Sequence[Finding]], None]) -> None:
        """Calls this, in the loop, for an upload whose first bytes show that it will be rejected."""
        self._on_early_reject = call

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """The slice was recorded, and the file's bytes up to `offset` are there to be read, soon and elsewhere."""
        if self._media_options.read_ahead:
            read_ahead = self._read_ahead_of(upload, path)
            read_ahead.add_digests([piece])
            seen, small = read_ahead.size, upload.length is not None and upload.length <= READ_AHEAD_BYTES
            if seen < MIB <= offset and not small:
                reading = read_ahead.read_to(MIB, self._pool)
            elif offset - seen >= READ_AHEAD_BYTES and self._pool.leisure:
                reading = read_ahead.read_to(offset, self._pool)
            else:
                return
            reading.add_done_callback(lambda task: self._report_early_problems(task, upload, read_ahead))

    def forget(self, upload_id: str) -> None:
        """What was read of this file is trusted no more, or nobody needs it."""
        self._read_aheads.pop(upload_id, None)

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """What is true of a whole file, of which these slices are recorded, and what is found in it.

        Raises LengthMismatch, DigestMismatch, ContentHashMismatch, MediaError, and FileNotFoundError when it is
        missing.
        """
        assert upload.length is not None
        read_ahead = self._read_ahead_of(upload, path)
        read_ahead.add_digests(slices)
        try:
            await read_ahead.catch_up(upload.length, self._pool)
        finally:
            self.forget(upload.id)
        size = await asyncio.to_thread(os.path.getsize, path)
        if not read_ahead.size == size == upload.length:
            raise LengthMismatch(upload.length, size)
        sha256, content_hash = read_ahead.sha256.digest(), read_ahead.content_hash.digest()
        if upload.digest is not None and upload.digest != sha256:
            raise DigestMismatch(format_digest_field(upload.digest), format_digest_field(sha256))
        if upload.content_hash is not None and upload.content_hash != content_hash:
            raise ContentHashMismatch(upload.content_hash.hex(), content_hash.hex())
        report = read_ahead.parser.finish()
        findings, seen = await asyncio.to_thread(self._find_problems, path, report)
        findings += self._chapters_left_out(upload, report)
        if outcome(findings) is not Outcome.REJECT and not seen.opaque:
            findings += await self._compare_with_mutagen(path, report)
        proven = upload.digest is not None or upload.content_hash is not None
        return build_facts(report, findings, seen, size=size, sha256=sha256, content_hash=content_hash, proven=proven)

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """What a picture's own bytes say of it; None for what is no picture that is shown."""
        return await asyncio.to_thread(inspect_image, picture)

    async def front_cover(self, path: Path) -> bytes | None:
        """The picture that stands in front of a finished file, as it is; None for none, and for one too large.

        Raises MediaError, and FileNotFoundError.
        """
        try:
            _, picture = await self._worker.call("cover", path, limit=self._media_options.tagging.cover_limit)
        except (TooCostly, NotMp3):
            return None
        return picture or None

    async def plan_tags(self, path: Path, upload: Upload, picture: bytes | None) -> tuple[RewritePlan, TagValues]:
        """How to give a verified file the upload's tags, chapters and this cover, every other frame kept, and what it
        will carry then. `picture` None leaves the file's own cover.

        Raises MediaError.
        """
        tagging = self._media_options.tagging
        tags = dict(upload.tags or {}) if tagging.mode == "full" else {}
        findings = upload.facts.findings if upload.facts is not None else ()
        how: dict[str, Any] = {
            "opaque": any(found.actual == TIMED_OUT for found in findings),
            "version": tagging.version,
        }
        if tagging.mode != "none":
            how |= {"provenance": provenance(upload), "upload_id": upload.id, "sound": audio_span(upload)}
        if tagging.mode != "full":
            return await self._plan(path, tags, how, CoverAndChapters())
        how["guesses"] = guessed_tags(upload.filename)
        duration = upload.facts.duration if upload.facts is not None else 0.0
        enclosed = CoverAndChapters(picture, audible_chapters(upload.chapters, duration) or None, duration)
        return await self._plan(path, tags, how, enclosed)

    async def plan_edit(
        self, path: Path, tags: Mapping[str, str], removed: Collection[str], enclosed: CoverAndChapters
    ) -> RewritePlan:
        """How to give a file in the spool these tags, take the removed ones and enclose this, every other frame kept.

        Raises NotMp3 for what cannot be written, MediaError, and FileNotFoundError.
        """
        return (await self._plan(path, dict(tags), {"removed": sorted(removed)}, enclosed))[0]

    async def _plan(
        self, path: Path, tags: dict[str, str], how: dict[str, Any], enclosed: CoverAndChapters
    ) -> tuple[RewritePlan, TagValues]:
        attachment = enclosed.picture or b""
        asked = {"tags": tags, "enclosed": asdict(enclosed) | {"picture": enclosed.picture is not None}}
        try:
            answer, attached = await self._worker.call("plan", path, attachment, **asked, how=how)
        except (TooCostly, NotMp3):
            # What no limit foresaw: the tag is kept, and read by nobody.
            answer, attached = await self._worker.call("plan", path, attachment, **asked, how=how | {"opaque": True})
        head = answer["head"]
        # A whole slice of bytes is no copy: the tag may be large.
        planned = RewritePlan(attached[:head], answer["cut"], attached[head:], answer["length"])
        chapters = tuple(Chapter(**fields) for fields in answer["carried"]["chapters"])
        return planned, TagValues(answer["carried"]["tags"], chapters)

    def close(self) -> None:
        """Ends the threads that read."""
        self._pool.close()

    def _read_ahead_of(self, upload: Upload, path: Path) -> ReadAhead:
        read_ahead = self._read_aheads.get(upload.id)
        if read_ahead is None:
            read_ahead = self._read_aheads[upload.id] = ReadAhead(path, upload.length)
        return read_ahead

    def _report_early_problems(self, task: asyncio.Task[None], upload: Upload, read_ahead: ReadAhead) -> None:
        """An error of reading ahead is met again, and told, when the file is verified."""
        if task.cancelled() or task.exception() or self._read_aheads.get(upload.id) is not read_ahead:
            return
        findings = findings.find_early_problems(read_ahead.parser.report, upload.length, self._media_options.policy)
        if self._on_early_reject is not None and outcome(findings) is Outcome.REJECT:
            self._on_early_reject(upload.id, findings)

    def _find_problems(self, path: Path, report: StreamReport) -> tuple[list[Finding], TagScan]:
        """What the walk and the tag in front say."""
        policy = self._media_options.policy
        findings = findings.find_problems(report, policy)
        sound = report.audio_start if report.first is not None else None
        seen = self._scan(path, sound) if outcome(findings) is not Outcome.REJECT else TagScan()
        findings += seen.findings
        encoding, _ = suggest_texts(seen.latin1_texts)
        if encoding is not None:
            findings.append(policy.finding("text_mislabelled", expected=encoding, actual="latin-1"))
        if seen.milliseconds and _differ(seen.milliseconds / 1000, report.seconds):
            stated, heard = seen.milliseconds / 1000, round(report.seconds, 3)
            findings.append(policy.finding("duration_mismatch", expected=stated, actual=heard))
        return findings, seen

    def _scan(self, path: Path, sound: int | None = None) -> TagScan:
        tagging = self._media_options.tagging
        with path.open("rb") as file:
            head = file.read(10)
            if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:]) > 0x7F:
                return TagScan(latin1_texts=read_id3v1_texts(file))
            # Nothing here holds the tag: it may be large, and is taken apart piece by piece.
            body = [file.read(min(findings.MAX_TAG_BYTES, findings.id3v2_body_bytes(head)))]
        return scan_tag(
            head, body.pop(), self._media_options.policy, (tagging.cover_limit, tagging.cover_pixels), sound
        )

    def _chapters_left_out(self, upload: Upload, report: StreamReport) -> list[Finding]:
        if (
            self._media_options.tagging.mode != "full"
            or audible_chapters(upload.chapters, report.seconds) == upload.chapters
        ):
            return []
        late, end = upload.chapters[-1].start, round(report.seconds, 3)
        return [self._media_options.policy.finding("chapter_after_end", expected=end, actual=late)]

    async def _compare_with_mutagen(self, path: Path, report: StreamReport) -> list[Finding]:
        """What mutagen says. Raises MediaError, FileNotFoundError."""
        policy, few = self._media_options.policy, report.frames < FEW_FRAMES
        try:
            answer, _ = await self._worker.call("measure", path)
        except NotMp3 as refusal:
            # Two frames are a sound, but nobody else has to find them.
            known = few and report.leading_junk_bytes == 0
            return [policy.finding("mutagen_error", actual=refusal.reason, grave=few and not known)]
        except TooCostly:
            return [policy.finding("mutagen_error", actual=TIMED_OUT)]
        measured = answer["facts"]["duration"]
        vbr_header = report.vbr_header
        met = vbr_header is not None and vbr_header.frames is not None and abs(vbr_header.frames - report.frames) <= 1
        if met and _differ(measured, report.seconds):
            return [policy.finding("mutagen_disagrees", expected=round(report.seconds, 3), actual=measured)]
        return []


def _differ(one: float, other: float) -> bool:
    """Whether two durations in seconds are further apart than rounding takes them."""
    return abs(one - other) > max(1.0, other / 100)


def as_severities(changes: Mapping[str, str]) -> Severities:
    """The operator's policy. Raises ValueError for a severity that is none."""
    return Severities({code: Severity(severity) for code, severity in changes.items()})
