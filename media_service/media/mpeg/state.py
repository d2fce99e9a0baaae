"""Where a walk stands: the few bytes that are held, the place to look at next, and what was seen so far.

The steps of the walk share it: `lead.py` up to the first frame, `along.py` from frame to frame, `broken.py` where the
chain breaks, `ending.py` at the file's end. Offsets are from the file's first byte.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import FRAME_HEADER_BYTES, MAX_FRAME_BYTES, parse_header
from media_service.media.mpeg.header_cache import HeaderCache
from media_service.media.mpeg.report import MAX_RECORDED, StreamReport, TagSpan
from media_service.media.signatures import ID3V1_BYTES, detect_tag

if TYPE_CHECKING:
    from media_service.media.mpeg.audio_digest import AudioDigest
    from media_service.media.mpeg.header import FrameHeader

MIN_CHAIN_FRAMES = 4
"""Frames that must follow each other before bytes that look like a header are taken for one."""

TAIL_BYTES = ID3V1_BYTES + 32
"""Bytes at the end that are kept: an ID3v1 tag, and the footer of an APE tag before it."""


class Phase(Enum):
    """What is looked for next."""

    LEADING_TAGS = "tags in front"
    FIRST_FRAME = "the first frame"
    FRAME_CHAIN = "the next frame"
    CHAIN_BREAK = "what follows a chain"
    RESYNC = "frames behind damage"


class ParserState:
    """`buffer` holds the bytes from `base` on; the report stands `at`. With `final`, no more bytes come."""

    header_cache: HeaderCache
    """Set with the first frame."""

    def __init__(self, audio: AudioDigest) -> None:
        self.report = StreamReport()
        self.audio = audio
        self.phase = Phase.LEADING_TAGS
        self.buffer = b""
        self.base = 0
        self.final = False
        self.position = 0
        self.previous_frame = 0
        """Where the last frame began."""
        self.wanted_size = 0
        """How many bytes must have come before it is worth while to look again."""
        self.search_position = 0
        self.after_tag = False
        self.tail = b""
        """The file's last bytes so far."""
        self.hashed_up_to: int | None = None
        """As far as the audio's digest goes; None before the first frame."""
        self._zeros = 0
        self._counted = 0

    def receive(self, piece: bytes) -> None:
        """Counts bytes that came."""
        self.report.size += len(piece)
        self.tail = piece[-TAIL_BYTES:] if len(piece) >= TAIL_BYTES else (self.tail + piece)[-TAIL_BYTES:]

    def peek(self, size: int) -> bytes:
        """The next bytes, so many or what there is."""
        at = self.position - self.base
        return self.buffer[at : at + size]

    def discard_passed(self) -> None:
        """Forgets the bytes before the place to look at next, hashed where they are audio."""
        stop = min(self.position, self.report.size)
        if self.report.gave_up_at is not None:
            self.buffer, self.base = b"", self.report.size
            return
        self.hash_up_to(stop)
        self._zeros = self.zeros_before(stop)
        self.buffer, self.base = self.buffer[stop - self.base :], stop

    def zeros_before(self, stop: int) -> int:
        """NULs right before here, as many as one frame may have."""
        held = self.buffer[max(0, stop - self.base - MAX_FRAME_BYTES) : stop - self.base]
        zeros = len(held) - len(held.rstrip(b"\0"))
        return min(MAX_FRAME_BYTES, zeros + self._zeros) if zeros == stop - self.base else zeros

    def start_audio(self, start: int) -> None:
        """The audio begins here."""
        self.hashed_up_to = start

    def hash_up_to(self, stop: int) -> None:
        """Takes the audio up to here into its digest."""
        if self.hashed_up_to is not None and stop > self.hashed_up_to:
            self.audio.update(memoryview(self.buffer)[self.hashed_up_to - self.base : stop - self.base])
            self.hashed_up_to = stop

    def must_wait_for(self, stop: int) -> bool:
        """Whether bytes up to `stop` have not come, and may come yet."""
        if self.final or self.report.size >= stop:
            return False
        self.wanted_size = stop
        return True

    def measure_chain(self, place: int, like: FrameHeader | None) -> tuple[int, int | None, int]:
        """How many headers of one format follow each other from `place`, up to four; the offset up to which bytes are
        needed to say more; and where the last of these frames ends."""
        base, count = self.base, 0
        while count < MIN_CHAIN_FRAMES:
            key = self.buffer[place - base : place - base + FRAME_HEADER_BYTES]
            if len(key) < FRAME_HEADER_BYTES:
                return count, place + FRAME_HEADER_BYTES, place
            header = parse_header(key)
            if header is None or (like is None and header.layer != 3) or (like and header.format != like.format):
                break
            like = header
            count += 1
            place += header.length
        return count, None, place

    def ends_at_tag_or_end(self, stop: int) -> bool:
        """Whether a chain that ends at `stop` ends where the file or its tags do. Only asked when no more comes."""
        return stop >= self.report.size or detect_tag(self.buffer, stop - self.base) is not None

    def start_format(self, header: FrameHeader) -> None:
        """Frames of this format follow."""
        self.header_cache = HeaderCache(header)

    def count_frames(self, frames: int) -> None:
        """So many frames were passed; less than none where one was counted that is cut."""
        self.report.frames += frames
        self._counted += frames

    def record_time(self, offset: int, missing: int = 0) -> None:
        """Note the playing time at an offset before which no frame was left out, but for `missing` bytes of a gap."""
        report, header = self.report, self.header_cache.first
        assert report.first is not None
        played = report.seconds + self._counted * header.samples / header.sample_rate
        if missing:
            unplayed = report.gap_bytes + (report.first.length if report.vbr_header is not None else 0)
            size = offset - report.audio_start - unplayed
            rate = size / played if played and size > 0 else header.length * header.sample_rate / header.samples
            report.gap_seconds += missing / rate
        report.times[offset] = played + report.gap_seconds

    def close_section(self) -> None:
        """Counts the seconds of the frames of one format."""
        report = self.report
        if report.first is not None:
            header = self.header_cache.first
            report.seconds += self._counted * header.samples / header.sample_rate
            report.samples += self._counted * header.samples
        self._counted = 0

    def record_tag(self, kind: str, start: int, stop: int) -> None:
        """A tag, as one of the first few."""
        if len(self.report.tags) < MAX_RECORDED:
            self.report.tags.append(TagSpan(kind, start, stop))

    def record_concatenation(self) -> None:
        """Another file begins here, as one of the first few. Before any sound it is only another header."""
        joins = self.report.concatenations
        if self.report.frames and joins[-1:] != [self.position] and len(joins) < MAX_RECORDED:
            joins.append(self.position)
            self.record_time(self.position)

    def give_up(self, at: int) -> bool:
        """Nothing that follows could save the file."""
        self.report.gave_up_at = at
        return False
