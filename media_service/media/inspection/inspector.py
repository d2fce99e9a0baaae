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
from media_service.media.images import look_at
from media_service.media.inspection import findings
from media_service.media.inspection.facts import facts_of, provenance, sound_of
from media_service.media.inspection.load import Leisure
from media_service.media.inspection.read_ahead import Following
from media_service.media.inspection.read_pool import Readers
from media_service.media.tags.charset import id3v1_texts, offered
from media_service.media.tags.safety_scan import Scan, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.cover import Picture
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.media.mpeg.report import Walk
    from media_service.media.workers.pool import TagWorker, TagWorkerPool

AHEAD = 4 * 1024 * 1024
"""Bytes that must wait to be read before the reader sets out: small files are read once, at their end.

The first mebibyte of a larger one is read at once: it shows what can never be accepted.
"""

FEW_FRAMES = 4
"""Frames below which our own walk alone is not believed."""

TOO_LONG = "it took too long"
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
    """How the examiner works. With `ahead` files are read while they arrive; without, in one pass at their end."""

    ahead: bool = True
    policy: Severities = field(default_factory=Severities)
    tagging: TagOptions = field(default_factory=TagOptions)


class MediaInspector:
    """`core.ports.media.Media`: digests, frames and verdicts here, mutagen in child processes."""

    def __init__(self, worker: TagWorker | TagWorkerPool, habits: MediaOptions) -> None:
        self._worker = worker
        self._media_options = habits
        self._following: dict[str, Following] = {}
        self._readers = Readers(Leisure())
        self._on_hopeless: Callable[[str, Sequence[Finding]], None] | None = None

    def on_early_reject(self, call: Callable[[str, Sequence[Finding]], None]) -> None:
        """Calls this, in the loop, for an upload whose first bytes show that it will be rejected."""
        self._on_hopeless = call

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """The slice was recorded, and the file's bytes up to `offset` are there to be read, soon and elsewhere."""
        if self._media_options.ahead:
            following = self._following_of(upload, path)
            following.learn([piece])
            seen, small = following.size, upload.length is not None and upload.length <= AHEAD
            if seen < MIB <= offset and not small:
                reading = following.go_on_to(MIB, self._readers)
            elif offset - seen >= AHEAD and self._readers.leisure:
                reading = following.go_on_to(offset, self._readers)
            else:
                return
            reading.add_done_callback(lambda task: self._look_at(task, upload, following))

    def forget(self, upload_id: str) -> None:
        """What was read of this file is trusted no more, or nobody needs it."""
        self._following.pop(upload_id, None)

    async def verify(self, path: Path, upload: Upload, slices: Sequence[Slice]) -> Facts:
        """What is true of a whole file, of which these slices are recorded, and what is found in it.

        Raises LengthMismatch, DigestMismatch, ContentHashMismatch, MediaError, and FileNotFoundError when it is
        missing.
        """
        assert upload.length is not None
        following = self._following_of(upload, path)
        following.learn(slices)
        try:
            await following.catch_up(upload.length, self._readers)
        finally:
            self.forget(upload.id)
        size = await asyncio.to_thread(os.path.getsize, path)
        if not following.size == size == upload.length:
            raise LengthMismatch(upload.length, size)
        sha256, content_hash = following.whole.digest(), following.content.digest()
        if upload.digest is not None and upload.digest != sha256:
            raise DigestMismatch(format_digest_field(upload.digest), format_digest_field(sha256))
        if upload.content_hash is not None and upload.content_hash != content_hash:
            raise ContentHashMismatch(upload.content_hash.hex(), content_hash.hex())
        walk = following.walk.finish()
        findings, seen = await asyncio.to_thread(self._judge, path, walk)
        findings += self._chapters_left_out(upload, walk)
        if outcome(findings) is not Outcome.REJECT and not seen.opaque:
            findings += await self._second_opinion(path, walk)
        proven = upload.digest is not None or upload.content_hash is not None
        return facts_of(walk, findings, seen, size=size, sha256=sha256, content_hash=content_hash, proven=proven)

    async def inspect_picture(self, picture: bytes) -> Picture | None:
        """What a picture's own bytes say of it; None for what is no picture that is shown."""
        return await asyncio.to_thread(look_at, picture)

    async def front_cover(self, path: Path) -> bytes | None:
        """The picture that stands in front of a finished file, as it is; None for none, and for one too large.

        Raises MediaError, and FileNotFoundError.
        """
        try:
            _, picture = await self._worker.ask("cover", path, limit=self._media_options.tagging.cover_limit)
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
            "opaque": any(found.actual == TOO_LONG for found in findings),
            "version": tagging.version,
        }
        if tagging.mode != "none":
            how |= {"provenance": provenance(upload), "upload_id": upload.id, "sound": sound_of(upload)}
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
        brings = enclosed.picture or b""
        asked = {"tags": tags, "enclosed": asdict(enclosed) | {"picture": enclosed.picture is not None}}
        try:
            answer, attached = await self._worker.ask("plan", path, brings, **asked, how=how)
        except (TooCostly, NotMp3):
            # What no limit foresaw: the tag is kept, and read by nobody.
            answer, attached = await self._worker.ask("plan", path, brings, **asked, how=how | {"opaque": True})
        head = answer["head"]
        # A whole slice of bytes is no copy: the tag may be large.
        planned = RewritePlan(attached[:head], answer["cut"], attached[head:], answer["length"])
        chapters = tuple(Chapter(**fields) for fields in answer["carried"]["chapters"])
        return planned, TagValues(answer["carried"]["tags"], chapters)

    def close(self) -> None:
        """Ends the threads that read."""
        self._readers.close()

    def _following_of(self, upload: Upload, path: Path) -> Following:
        following = self._following.get(upload.id)
        if following is None:
            following = self._following[upload.id] = Following(path, upload.length)
        return following

    def _look_at(self, task: asyncio.Task[None], upload: Upload, following: Following) -> None:
        """An error of reading ahead is met again, and told, when the file is verified."""
        if task.cancelled() or task.exception() or self._following.get(upload.id) is not following:
            return
        findings = findings.hopeless(following.walk.seen, upload.length, self._media_options.policy)
        if self._on_hopeless is not None and outcome(findings) is Outcome.REJECT:
            self._on_hopeless(upload.id, findings)

    def _judge(self, path: Path, walk: Walk) -> tuple[list[Finding], Scan]:
        """What the walk and the tag in front say."""
        policy = self._media_options.policy
        findings = findings.judge(walk, policy)
        sound = walk.audio_start if walk.first is not None else None
        seen = self._scan(path, sound) if outcome(findings) is not Outcome.REJECT else Scan()
        findings += seen.findings
        encoding, _ = offered(seen.latin)
        if encoding is not None:
            findings.append(policy.finding("text_mislabelled", expected=encoding, actual="latin-1"))
        if seen.milliseconds and _differ(seen.milliseconds / 1000, walk.seconds):
            stated, heard = seen.milliseconds / 1000, round(walk.seconds, 3)
            findings.append(policy.finding("duration_mismatch", expected=stated, actual=heard))
        return findings, seen

    def _scan(self, path: Path, sound: int | None = None) -> Scan:
        tagging = self._media_options.tagging
        with path.open("rb") as file:
            head = file.read(10)
            if len(head) < 10 or not head.startswith(b"ID3") or max(head[6:]) > 0x7F:
                return Scan(latin=id3v1_texts(file))
            # Nothing here holds the tag: it may be large, and is taken apart piece by piece.
            body = [file.read(min(findings.TAG_LIMIT, findings.tag_size(head)))]
        return scan(head, body.pop(), self._media_options.policy, (tagging.cover_limit, tagging.cover_pixels), sound)

    def _chapters_left_out(self, upload: Upload, walk: Walk) -> list[Finding]:
        if (
            self._media_options.tagging.mode != "full"
            or audible_chapters(upload.chapters, walk.seconds) == upload.chapters
        ):
            return []
        late, end = upload.chapters[-1].start, round(walk.seconds, 3)
        return [self._media_options.policy.finding("chapter_after_end", expected=end, actual=late)]

    async def _second_opinion(self, path: Path, walk: Walk) -> list[Finding]:
        """What mutagen says. Raises MediaError, FileNotFoundError."""
        policy, few = self._media_options.policy, walk.frames < FEW_FRAMES
        try:
            answer, _ = await self._worker.ask("measure", path)
        except NotMp3 as refusal:
            # Two frames are a sound, but nobody else has to find them.
            known = few and walk.junk_before == 0
            return [policy.finding("mutagen_error", actual=refusal.reason, grave=few and not known)]
        except TooCostly:
            return [policy.finding("mutagen_error", actual=TOO_LONG)]
        measured = answer["facts"]["duration"]
        declared = walk.declared
        met = declared is not None and declared.frames is not None and abs(declared.frames - walk.frames) <= 1
        if met and _differ(measured, walk.seconds):
            return [policy.finding("mutagen_disagrees", expected=round(walk.seconds, 3), actual=measured)]
        return []


def _differ(one: float, other: float) -> bool:
    """Whether two durations in seconds are further apart than rounding takes them."""
    return abs(one - other) > max(1.0, other / 100)


def parse_policy(changes: Mapping[str, str]) -> Severities:
    """The operator's policy. Raises ValueError for a severity that is none."""
    return Severities({code: Severity(severity) for code, severity in changes.items()})
