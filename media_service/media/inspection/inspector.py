"""The adapter of `core.ports.media.Media`: verify uploads, read covers, plan the rewriting of tags."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from media_service.core.chapters import Chapter, audible_chapters
from media_service.core.collections import NO_DEFAULTS
from media_service.core.digest import format_digest_field
from media_service.core.errors.files import ContentHashMismatch, LengthMismatch, NotMp3, TooCostly
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.files import CoverAndChapters, RewritePlan, TagValues
from media_service.core.findings import Finding, Outcome, Severities, Severity, outcome
from media_service.core.tags import guessed_tags
from media_service.media.images import inspect_image
from media_service.media.inspection.facts import audio_span, build_facts, provenance
from media_service.media.inspection.findings import find_early_problems, find_problems
from media_service.media.inspection.read_ahead import ReadAhead
from media_service.media.inspection.read_pool import ReadPool
from media_service.media.signatures import decode_syncsafe
from media_service.media.tags import id3v1
from media_service.media.tags.charset import suggest_texts
from media_service.media.tags.id3v2 import MAX_TAG_BYTES
from media_service.media.tags.safety_scan import TagScan, scan_tag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.collections import Defaults
    from media_service.core.cover import Picture
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.media.mpeg.report import StreamReport

READ_AHEAD_BYTES = 4 * 1024 * 1024
"""Unread bytes from which on read-ahead starts; smaller files are read once, at their end. Of a larger file the first
MiB is read at once: it shows files that will be rejected."""

FEW_FRAMES = 4
"""Number of frames below which mutagen must agree that the file is an MP3."""

TIMED_OUT = "it took too long"
"""`actual` of the finding about a tag over which a worker was killed: no other worker gets that tag."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TagOptions:
    """How files are tagged, and limits of a cover: bytes, and pixels of the longer side.

    `mode`: `full` writes the sender's tags and the provenance, `provenance` only the latter, `none` changes no byte.
    `version` is 3 or 4; None keeps that of the file.
    """

    mode: Literal["full", "provenance", "none"] = "full"
    version: int | None = None
    cover_limit: int = 2 * MIB
    cover_pixels: int = 4096


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """Options of the inspector. If `read_ahead`, read files while they arrive, else in one pass at the end."""

    read_ahead: bool = True
    policy: Severities = field(default_factory=Severities)
    tagging: TagOptions = field(default_factory=TagOptions)


class TagWorker(Protocol):
    """A worker process that reads tags with mutagen, or a pool of them; see `media.workers.pool`."""

    async def call(self, method: str, path: Path, attachment: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """Return reply and attachment. Raise NotMp3, TooCostly, FileNotFoundError, MediaError."""


class MediaInspector:
    """`core.ports.media.Media`: digests, frames and findings in this process, mutagen in tag workers."""

    def __init__(self, worker: TagWorker, options: MediaOptions) -> None:
        self._worker = worker
        self._reads_ahead, self._policy, self._tagging = options.read_ahead, options.policy, options.tagging
        self._read_aheads: dict[str, ReadAhead] = {}
        self._pool = ReadPool()
        self._early_rejections: asyncio.Queue[tuple[str, Sequence[Finding]]] = asyncio.Queue()

    async def early_rejections(self) -> AsyncIterator[tuple[str, Sequence[Finding]]]:
        """Yield the id of each upload whose first bytes show that it will be rejected, and the findings."""
        while True:
            yield await self._early_rejections.get()

    def follow(self, upload: Upload, path: Path, offset: int, slices: Sequence[Slice]) -> None:
        """Read ahead in a thread: these slices were recorded, and all bytes up to `offset` are in the file."""
        if self._reads_ahead:
            read_ahead = self._read_ahead_of(upload, path)
            read_ahead.add_digests(slices)
            bytes_read, is_small = read_ahead.size, upload.length is not None and upload.length <= READ_AHEAD_BYTES
            if bytes_read < MIB <= offset and not is_small:
                task = read_ahead.read_to(MIB, self._pool)
            elif offset - bytes_read >= READ_AHEAD_BYTES:
                task = read_ahead.read_to(offset, self._pool)
            else:
                return
            task.add_done_callback(lambda task: self._report_early_problems(task, upload, read_ahead))

    def forget(self, upload_id: str) -> None:
        """Drop what was read of the file: it was changed, or is not needed any more."""
        self._read_aheads.pop(upload_id, None)

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """Return the facts of a whole file, of which these slices are recorded."""
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
        report = read_ahead.parser.finish()
        sha256, content_hash = read_ahead.sha256(), read_ahead.content_hash.digest()
        if upload.digest is not None and upload.digest != sha256:
            raise DigestMismatch(format_digest_field(upload.digest), format_digest_field(sha256))
        if upload.content_hash is not None and upload.content_hash != content_hash:
            raise ContentHashMismatch(upload.content_hash.hex(), content_hash.hex())
        findings, scan = await asyncio.to_thread(self._find_problems, path, report)
        findings += self._chapters_left_out(upload, report)
        if outcome(findings) is not Outcome.REJECT and not scan.opaque:
            findings += await self._compare_with_mutagen(path, report)
        proven = upload.digest is not None or upload.content_hash is not None
        return build_facts(report, findings, scan, size=size, sha256=sha256, content_hash=content_hash, proven=proven)

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """Return type, size and fault of an image; None if it is not JPEG, PNG, GIF or WebP."""
        return await asyncio.to_thread(inspect_image, picture)

    async def front_cover(self, path: Path) -> bytes | None:
        """Return the front cover, unless it exceeds the limit. Raise MediaError, FileNotFoundError."""
        try:
            _, picture = await self._worker.call("cover", path, limit=self._tagging.cover_limit)
        except (TooCostly, NotMp3):
            return None
        return picture or None

    async def plan_tags(
        self, path: Path, upload: Upload, picture: bytes | None, defaults: Defaults = NO_DEFAULTS
    ) -> tuple[RewritePlan, TagValues]:
        """Plan to write the upload's tags, chapters and cover, or the defaults; return also the resulting values."""
        tagging = self._tagging
        tags = dict(upload.tags or {}) if tagging.mode == "full" else {}
        findings = upload.facts.findings if upload.facts is not None else ()
        options: dict[str, Any] = {
            "opaque": any(finding.actual == TIMED_OUT for finding in findings),
            "version": tagging.version,
        }
        if tagging.mode != "none":
            options |= {"provenance": provenance(upload), "upload_id": upload.id, "audio_span": audio_span(upload)}
        if tagging.mode != "full":
            return await self._plan(path, tags, options, CoverAndChapters())
        # A person has set the defaults of the collection, so they take precedence over a guessed encoding.
        options["guesses"] = guessed_tags(upload.filename) | dict(defaults.tags)
        duration = upload.facts.duration if upload.facts is not None else 0.0
        chapters = audible_chapters(upload.chapters, duration) or None
        enclosed = CoverAndChapters(picture or defaults.picture, chapters, duration, only_missing=not picture)
        return await self._plan(path, tags, options, enclosed)

    async def plan_edit(
        self, path: Path, tags: Mapping[str, str], removed: Collection[str], enclosed: CoverAndChapters
    ) -> tuple[RewritePlan, TagValues]:
        """Plan to write tags, cover and chapters into a spooled file, and to remove tags; return the new values too."""
        return await self._plan(path, dict(tags), {"removed": sorted(removed)}, enclosed)

    async def _plan(
        self, path: Path, tags: dict[str, str], options: dict[str, Any], enclosed: CoverAndChapters
    ) -> tuple[RewritePlan, TagValues]:
        attachment = enclosed.picture or b""
        request = {
            "tags": tags,
            "enclosed": asdict(enclosed) | {"picture": enclosed.picture is not None},
            "cover_limits": {"size": self._tagging.cover_limit, "pixels": self._tagging.cover_pixels},
        }
        try:
            reply, data = await self._worker.call("plan", path, attachment, **request, how=options)
        except (TooCostly, NotMp3):
            # A tag more costly than the scan expected: keep it without reading it.
            reply, data = await self._worker.call("plan", path, attachment, **request, how=options | {"opaque": True})
        head = reply["head"]
        # A slice of all bytes is not a copy: the tag may be large.
        plan = RewritePlan(data[:head], reply["cut"], data[head:], reply["length"])
        resulting = reply["carried"]
        return plan, TagValues(**resulting | {"chapters": tuple(Chapter(**one) for one in resulting["chapters"])})

    def close(self) -> None:
        """Wait for running reads and end the threads."""
        self._pool.close()

    def _read_ahead_of(self, upload: Upload, path: Path) -> ReadAhead:
        read_ahead = self._read_aheads.get(upload.id)
        if read_ahead is None:
            read_ahead = self._read_aheads[upload.id] = ReadAhead(path, upload.length)
        return read_ahead

    def _report_early_problems(self, task: asyncio.Task[None], upload: Upload, read_ahead: ReadAhead) -> None:
        """Enqueue a rejection if the findings so far ask for it. Errors of read-ahead are left to `verify`."""
        if task.cancelled() or task.exception() or self._read_aheads.get(upload.id) is not read_ahead:
            return
        findings = find_early_problems(read_ahead.parser.report, upload.length, self._policy)
        if outcome(findings) is Outcome.REJECT:
            self._early_rejections.put_nowait((upload.id, findings))

    def _find_problems(self, path: Path, report: StreamReport) -> tuple[list[Finding], TagScan]:
        """Return the findings of the report and of the leading tag."""
        policy = self._policy
        findings = find_problems(report, policy)
        audio_start = report.audio_start if report.first_header is not None else None
        scan = self._scan(path, audio_start) if outcome(findings) is not Outcome.REJECT else TagScan()
        findings += scan.findings
        encoding, _ = suggest_texts(scan.latin1_texts)
        if encoding is not None:
            findings.append(policy.finding("text_mislabelled", expected=encoding, actual="latin-1"))
        if scan.milliseconds and _differ(scan.milliseconds / 1000, report.seconds):
            stated, measured = scan.milliseconds / 1000, round(report.seconds, 3)
            findings.append(policy.finding("duration_mismatch", expected=stated, actual=measured))
        return findings, scan

    def _scan(self, path: Path, audio_start: int | None = None) -> TagScan:
        limits = (self._tagging.cover_limit, self._tagging.cover_pixels)
        with path.open("rb") as file:
            head = file.read(10)
            if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:]) > 0x7F:
                return TagScan(latin1_texts=id3v1.read_texts(file))
            # Pass on the only reference, so that removing the unsynchronisation can free up to 16 MiB.
            body = [file.read(min(MAX_TAG_BYTES, decode_syncsafe(head[6:10])))]
        return scan_tag(head, body.pop(), self._policy, limits, audio_start)

    def _chapters_left_out(self, upload: Upload, report: StreamReport) -> list[Finding]:
        if self._tagging.mode != "full" or audible_chapters(upload.chapters, report.seconds) == upload.chapters:
            return []
        start, end = upload.chapters[-1].start, round(report.seconds, 3)
        return [self._policy.finding("chapter_after_end", expected=end, actual=start)]

    async def _compare_with_mutagen(self, path: Path, report: StreamReport) -> list[Finding]:
        """Return the findings from mutagen's measurement. Raise MediaError, FileNotFoundError."""
        policy, few_frames = self._policy, report.frames < FEW_FRAMES
        try:
            reply, _ = await self._worker.call("measure", path)
        except NotMp3 as refusal:
            # A file of two or three frames is an MP3 even if mutagen does not find them.
            is_short_audio = few_frames and report.leading_junk_bytes == 0
            return [policy.finding("mutagen_error", actual=refusal.reason, grave=few_frames and not is_short_audio)]
        except TooCostly:
            return [policy.finding("mutagen_error", actual=TIMED_OUT)]
        measured = reply["facts"]["duration"]
        if report.count_matches and _differ(measured, report.seconds):
            return [policy.finding("mutagen_disagrees", expected=round(report.seconds, 3), actual=measured)]
        return []


def _differ(one: float, other: float) -> bool:
    """Return whether durations in seconds differ by more than one second and 1 %."""
    return abs(one - other) > max(1.0, other / 100)


def parse_policy(changes: Mapping[str, str]) -> Severities:
    """Return the operator's severities as a policy. Raise ValueError for an unknown severity."""
    return Severities({code: Severity(severity) for code, severity in changes.items()})
