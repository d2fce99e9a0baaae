"""Where a walk stands: the few bytes that are held, the place to look at next, and what was seen so far.

The steps of the walk share it: `lead.py` up to the first frame, `along.py` from frame to frame, `broken.py` where the
chain breaks, `ending.py` at the file's end. Offsets are from the file's first byte.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import HEADER, LONGEST_FRAME, parse_header
from media_service.media.mpeg.header_cache import Known
from media_service.media.mpeg.report import NOTED, Tag, Walk
from media_service.media.signatures import ID3V1, tag_at

if TYPE_CHECKING:
    from media_service.media.mpeg.audio_digest import AudioDigest
    from media_service.media.mpeg.header import Header

CHAINED = 4
"""Frames that must follow each other before bytes that look like a header are taken for one."""

TAIL = ID3V1 + 32
"""Bytes at the end that are kept: an ID3v1 tag, and the footer of an APE tag before it."""


class Step(Enum):
    """What is looked for next."""

    LEAD = "tags in front"
    SEARCH = "the first frame"
    FOLLOW = "the next frame"
    BREAK = "what follows a chain"
    SEEK = "frames behind damage"


class Trail:
    """`buffer` holds the bytes from `base` on; the walk stands `at`. With `final`, no more bytes come."""

    known: Known
    """Set with the first frame."""

    def __init__(self, audio: AudioDigest) -> None:
        self.walk = Walk()
        self.audio = audio
        self.step = Step.LEAD
        self.buffer = b""
        self.base = 0
        self.final = False
        self.at = 0
        self.previous = 0
        """Where the last frame began."""
        self.wanted = 0
        """How many bytes must have come before it is worth while to look again."""
        self.search_from = 0
        self.after_tag = False
        self.last = b""
        """The file's last bytes so far."""
        self.hashed: int | None = None
        """As far as the audio's digest goes; None before the first frame."""
        self._zeros = 0
        self._counted = 0

    def come(self, piece: bytes) -> None:
        """Counts bytes that came."""
        self.walk.size += len(piece)
        self.last = piece[-TAIL:] if len(piece) >= TAIL else (self.last + piece)[-TAIL:]

    def look(self, size: int) -> bytes:
        """The next bytes, so many or what there is."""
        at = self.at - self.base
        return self.buffer[at : at + size]

    def drop(self) -> None:
        """Forgets the bytes before the place to look at next, hashed where they are audio."""
        stop = min(self.at, self.walk.size)
        if self.walk.gave_up is not None:
            self.buffer, self.base = b"", self.walk.size
            return
        self.hash_to(stop)
        self._zeros = self.zeros_before(stop)
        self.buffer, self.base = self.buffer[stop - self.base :], stop

    def zeros_before(self, stop: int) -> int:
        """NULs right before here, as many as one frame may have."""
        held = self.buffer[max(0, stop - self.base - LONGEST_FRAME) : stop - self.base]
        zeros = len(held) - len(held.rstrip(b"\0"))
        return min(LONGEST_FRAME, zeros + self._zeros) if zeros == stop - self.base else zeros

    def hash_from(self, start: int) -> None:
        """The audio begins here."""
        self.hashed = start

    def hash_to(self, stop: int) -> None:
        """Takes the audio up to here into its digest."""
        if self.hashed is not None and stop > self.hashed:
            self.audio.update(memoryview(self.buffer)[self.hashed - self.base : stop - self.base])
            self.hashed = stop

    def lacks(self, stop: int) -> bool:
        """Whether bytes up to `stop` have not come, and may come yet."""
        if self.final or self.walk.size >= stop:
            return False
        self.wanted = stop
        return True

    def chain(self, place: int, like: Header | None) -> tuple[int, int | None, int]:
        """How many headers of one format follow each other from `place`, up to four; the offset up to which bytes are
        needed to say more; and where the last of these frames ends."""
        base, count = self.base, 0
        while count < CHAINED:
            key = self.buffer[place - base : place - base + HEADER]
            if len(key) < HEADER:
                return count, place + HEADER, place
            header = parse_header(key)
            if header is None or (like is None and header.layer != 3) or (like and header.format != like.format):
                break
            like = header
            count += 1
            place += header.length
        return count, None, place

    def ends(self, stop: int) -> bool:
        """Whether a chain that ends at `stop` ends where the file or its tags do. Only asked when no more comes."""
        return stop >= self.walk.size or tag_at(self.buffer, stop - self.base) is not None

    def enter(self, header: Header) -> None:
        """Frames of this format follow."""
        self.known = Known(header)

    def count(self, frames: int) -> None:
        """So many frames were passed; less than none where one was counted that is cut."""
        self.walk.frames += frames
        self._counted += frames

    def note_time(self, offset: int, missing: int = 0) -> None:
        """Note the playing time at an offset before which no frame was left out, but for `missing` bytes of a gap."""
        walk, header = self.walk, self.known.first
        assert walk.first is not None
        played = walk.seconds + self._counted * header.samples / header.sample_rate
        if missing:
            unplayed = walk.gap_bytes + (walk.first.length if walk.declared is not None else 0)
            size = offset - walk.audio_start - unplayed
            rate = size / played if played and size > 0 else header.length * header.sample_rate / header.samples
            walk.gap_seconds += missing / rate
        walk.times[offset] = played + walk.gap_seconds

    def close_section(self) -> None:
        """Counts the seconds of the frames of one format."""
        walk = self.walk
        if walk.first is not None:
            header = self.known.first
            walk.seconds += self._counted * header.samples / header.sample_rate
            walk.samples += self._counted * header.samples
        self._counted = 0

    def note_tag(self, kind: str, start: int, stop: int) -> None:
        """A tag, as one of the first few."""
        if len(self.walk.tags) < NOTED:
            self.walk.tags.append(Tag(kind, start, stop))

    def note_join(self) -> None:
        """Another file begins here, as one of the first few. Before any sound it is only another header."""
        joins = self.walk.joins
        if self.walk.frames and joins[-1:] != [self.at] and len(joins) < NOTED:
            joins.append(self.at)
            self.note_time(self.at)

    def give_up(self, at: int) -> bool:
        """Nothing that follows could save the file."""
        self.walk.gave_up = at
        return False
