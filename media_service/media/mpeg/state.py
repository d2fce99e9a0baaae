"""State of the frame parser: buffered bytes, the offset to continue at, and the report so far.

The phases share it: `first_frame.py` up to the first frame, `frame_chain.py` from frame to frame, `resync.py` if the
chain breaks, `end_of_stream.py` at the file's end. Offsets count from the file's first byte.
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
"""Consecutive headers of one format that are taken for frames; fewer occur by chance."""

TAIL_BYTES = ID3V1_BYTES + 32
"""Size of the file's end that is kept: an ID3v1 tag, and the footer of an APE tag before it."""


class Phase(Enum):
    """What the parser looks for next."""

    LEADING_TAGS = "leading tags"
    FIRST_FRAME = "the first frame"
    FRAME_CHAIN = "the next frame"
    CHAIN_BREAK = "what follows the chain"
    RESYNC = "frames after damage"


class ParserState:
    """`buffer` has the bytes from offset `base` on; parsing continues at `position`. If `final`, no more bytes come."""

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
        """Offset of the last frame."""
        self.wanted_size = 0
        """Size of the file from which on parsing can continue."""
        self.search_position = 0
        self.after_tag = False
        self.tail = b""
        """The last bytes so far."""
        self.hashed_up_to: int | None = None
        """End of the bytes in the audio's digest; None before the first frame."""
        self._zeros = 0
        self._counted = 0

    def receive(self, piece: bytes) -> None:
        """Count bytes that came, and keep the tail."""
        self.report.size += len(piece)
        self.tail = piece[-TAIL_BYTES:] if len(piece) >= TAIL_BYTES else (self.tail + piece)[-TAIL_BYTES:]

    def peek(self, size: int) -> bytes:
        """Return up to `size` bytes from the position on."""
        index = self.position - self.base
        return self.buffer[index : index + size]

    def discard_passed(self) -> None:
        """Hash the audio before the position, and drop the bytes."""
        stop = min(self.position, self.report.size)
        if self.report.gave_up_at is not None:
            self.hash_rest()
            self.buffer, self.base = b"", self.report.size
            return
        self.hash_up_to(stop)
        self._zeros = self.zeros_before(stop)
        self.buffer, self.base = self.buffer[stop - self.base :], stop

    def zeros_before(self, stop: int) -> int:
        """Return the number of NULs before `stop`, at most a frame's size."""
        recent = self.buffer[max(0, stop - self.base - MAX_FRAME_BYTES) : stop - self.base]
        zeros = len(recent) - len(recent.rstrip(b"\0"))
        return min(MAX_FRAME_BYTES, zeros + self._zeros) if zeros == stop - self.base else zeros

    def start_audio(self, start: int) -> None:
        """Begin the audio's digest at `start`."""
        self.hashed_up_to = start

    def hash_up_to(self, stop: int) -> None:
        """Hash the audio up to `stop`."""
        if self.hashed_up_to is not None and stop > self.hashed_up_to:
            self.audio.update(memoryview(self.buffer)[self.hashed_up_to - self.base : stop - self.base])
            self.hashed_up_to = stop

    @property
    def hashes_file(self) -> bool:
        """Return whether the audio begins with the file's first byte, so that one SHA-256 serves both."""
        return self.hashed_up_to is not None and self.report.audio_start == 0

    def hash_rest(self, piece: bytes = b"") -> None:
        """Add the buffered bytes after the audio, and `piece`, if the audio's SHA-256 is also the file's."""
        if self.hashed_up_to is not None and self.report.audio_start == 0:
            self.audio.update_rest(memoryview(self.buffer)[self.hashed_up_to - self.base :])
            self.audio.update_rest(piece)
            self.hashed_up_to = self.report.size

    def must_wait_for(self, stop: int) -> bool:
        """Return whether bytes before `stop` are missing but may still come."""
        if self.final or self.report.size >= stop:
            return False
        self.wanted_size = stop
        return True

    def measure_chain(self, offset: int, previous: FrameHeader | None) -> tuple[int, int | None, int]:
        """Count consecutive headers of one format, up to MIN_CHAIN_FRAMES; return the count, the offset up to which
        more bytes are needed (None if they suffice), and the end of the last frame. `previous` fixes the format."""
        base, count = self.base, 0
        while count < MIN_CHAIN_FRAMES:
            key = self.buffer[offset - base : offset - base + FRAME_HEADER_BYTES]
            if len(key) < FRAME_HEADER_BYTES:
                return count, offset + FRAME_HEADER_BYTES, offset
            header = parse_header(key)
            if header is None or (header.format != previous.format if previous else header.layer != 3):
                break
            previous = header
            count += 1
            offset += header.length
        return count, None, offset

    def ends_at_tag_or_end(self, stop: int) -> bool:
        """Return whether a chain ends at the end of the file or at a tag. Call it only if no more bytes come."""
        return stop >= self.report.size or detect_tag(self.buffer, stop - self.base) is not None

    def start_format(self, header: FrameHeader) -> None:
        """Begin a section of frames of this format."""
        self.header_cache = HeaderCache(header)

    def count_frames(self, frames: int) -> None:
        """Add to the number of frames; -1 takes an incomplete frame back."""
        self.report.frames += frames
        self._counted += frames

    def record_time(self, offset: int, gap_bytes: int = 0) -> None:
        """Record the playing time at `offset`, which follows a counted frame or a gap of `gap_bytes`."""
        report, header = self.report, self.header_cache.first_header
        assert report.first_header is not None
        played = report.seconds + self._counted * header.samples / header.sample_rate
        if gap_bytes:
            other_bytes = report.gap_bytes + (report.first_header.length if report.vbr_header is not None else 0)
            audio_bytes = offset - report.audio_start - other_bytes
            frame_seconds = header.samples / header.sample_rate
            byte_rate = audio_bytes / played if played and audio_bytes > 0 else header.length / frame_seconds
            report.gap_seconds += gap_bytes / byte_rate
        report.times[offset] = played + report.gap_seconds

    def close_section(self) -> None:
        """Add the duration of the section's frames to the report."""
        report = self.report
        if report.first_header is not None:
            header = self.header_cache.first_header
            report.seconds += self._counted * header.samples / header.sample_rate
            report.samples += self._counted * header.samples
        self._counted = 0

    def record_tag(self, kind: str, start: int, stop: int) -> None:
        """Record a tag, up to the maximum."""
        if len(self.report.tags) < MAX_RECORDED:
            self.report.tags.append(TagSpan(kind, start, stop))

    def record_concatenation(self) -> None:
        """Record that another file begins at the position, if frames precede it."""
        offsets = self.report.concatenations
        if self.report.frames and offsets[-1:] != [self.position] and len(offsets) < MAX_RECORDED:
            offsets.append(self.position)
            self.record_time(self.position)

    def give_up(self, offset: int) -> bool:
        """End parsing: no later bytes can make the file acceptable."""
        self.report.gave_up_at = offset
        return False
