"""The walk along every MPEG audio frame of a file, from the first header to the last, while its bytes still arrive.

`FrameWalk` takes the bytes in order, in pieces of any size, and holds almost none of them. The quick way is a
dictionary from the four bytes of a header to the frame's length: it knows only headers that were looked at once and fit
the first frame, so whatever is damaged or foreign misses, and its keys are all the headers that occur. Where many
frames lie ahead, a regular expression made of the same dictionary passes over them by the stride.
What is seen is told as it is; `judge.py` says what it means.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media_service.media.around import ID3V1, TAG_LOOK, ape_size, container_of, peel_tags, tag_at
from media_service.media.mpeg import (
    ANY_LAYER_3,
    ANY_OTHER_LAYER,
    HEADER,
    LONGEST_FRAME,
    Declared,
    Header,
    crc16,
    frame_crc,
    is_free_format,
    parse_header,
    read_declared,
    resync_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEADING = 64 * 1024
"""Bytes between the leading tags and the first frame beyond which there is no first frame."""

GAP = 1024 * 1024
"""Bytes without a frame after which the walk gives up; what follows could not save the file."""

ALL_GAPS, MOST_GAPS = 4 * GAP, 1024
"""Bytes without a frame, taken together, and gaps, after which the walk gives up: looking for frames is dear."""

CHAINED = 4
"""Frames that must follow each other before bytes that look like a header are taken for one."""

NOTED = 16
"""How many places of one kind are noted; the rest is only counted."""

PENDING = 64 * 1024
"""Bytes of small pieces that are put together before they are looked at, unless fewer suffice."""

LYRICS_LOOK = 64 * 1024
"""Bytes of a Lyrics3 tag, which is told by its end alone."""

TAIL = 128 + 32
"""Bytes at the end that are kept: an ID3v1 tag, and the footer of an APE tag before it."""

STRIDE = 32
"""Frames that one match passes over: a third of what looking each of them up costs."""

STRIDE_HEADERS = 256
"""Different headers above which no stride is tried: each new one makes the expression anew."""

FOLD = 32767
"""Bytes after which LAME's CRC repeats: x^32767 is 1 modulo its polynomial, so blocks of this size may be XORed."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag around the audio: its kind, and the bytes `[start, stop)` it says it has."""

    kind: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes `[start, stop)` where a frame should have been; `zeros` of them are NUL. `foreign`: what begins there."""

    start: int
    stop: int
    zeros: int
    foreign: str | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stop - self.start


@dataclass(slots=True)
class Walk:
    """What was seen. Offsets are from the file's first byte; counts leave out the encoder's own first frame.

    `gave_up` is where the walk stopped looking; `detected` what the file is instead of MPEG audio.
    """

    size: int = 0
    tags: list[Tag] = field(default_factory=list)
    first: Header | None = None
    declared: Declared | None = None
    info_start: int = 0
    audio_start: int = 0
    audio_end: int = 0
    frames: int = 0
    samples: int = 0
    seconds: float = 0.0
    headers: set[Header] = field(default_factory=set)
    detected: str | None = None
    junk_before: int = 0
    gaps: list[Gap] = field(default_factory=list)
    gap_bytes: int = 0
    gap_count: int = 0
    trailing: Gap | None = None
    gave_up: int | None = None
    truncated: tuple[int, int, int] | None = None
    """The cut last frame: its offset, the bytes it should have, the bytes it has."""
    changes: list[tuple[int, Header]] = field(default_factory=list)
    joins: list[int] = field(default_factory=list)
    """Where frames go on behind a tag: two files in one."""
    crc_good: int = 0
    crc_bad: int = 0
    crc_bad_at: int | None = None
    audio_sha256: bytes = b""
    music_crc: int | None = None
    """LAME's CRC as the bytes give it; None where the file declares none, or has not so many bytes."""


class AudioDigest:
    """SHA-256 of the audio, and LAME's CRC of the music, with a mark to go back to: the end of the last whole frame."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._marked = self._sha.copy()
        self._music_left: int | None = None
        self._fold = 0
        self._over = b""

    def expect_music(self, size: int) -> None:
        """From here on LAME's CRC counts, for so many bytes."""
        self._music_left = size

    def update(self, piece: memoryview) -> None:
        """Takes the next bytes of the audio."""
        self._sha.update(piece)
        if self._music_left:
            taken = piece[: self._music_left]
            self._music_left -= len(taken)
            self._fold_in(taken)

    def mark(self) -> None:
        """A frame ended here."""
        self._marked = self._sha.copy()

    def sha256(self) -> bytes:
        """Of the bytes up to the mark."""
        return self._marked.digest()

    def music_crc(self) -> int | None:
        """LAME's CRC; None where it was not asked for, or not all of its bytes came."""
        if self._music_left is None or self._music_left > 0:
            return None
        return crc16(self._over, crc16(self._fold.to_bytes(FOLD)))

    def _fold_in(self, piece: memoryview) -> None:
        if len(self._over) + len(piece) < FOLD:
            self._over += bytes(piece)
            return
        at = 0
        fold = self._fold
        if self._over:
            at = FOLD - len(self._over)
            fold ^= int.from_bytes(self._over + bytes(piece[:at]))
        last = len(piece) - FOLD
        while at <= last:
            fold ^= int.from_bytes(piece[at : at + FOLD])
            at += FOLD
        self._fold, self._over = fold, bytes(piece[at:])


class FrameWalk:
    """Walks a file that comes in pieces. `feed` them in order, then `finish`. `audio` takes what is between tags."""

    def __init__(self, audio: AudioDigest | None = None) -> None:
        self._walk = Walk()
        self._rest = b""
        self._base = 0
        self._pending: list[bytes] = []
        self._waiting = 0
        self._at = 0
        self._wanted = 0
        self._step: Callable[[bytes, bool], bool] = self._lead
        self._search_from = 0
        self._hashed: int | None = None
        self._audio = audio or AudioDigest()
        self._last = b""
        self._lengths: dict[bytes, int] = {}
        self._guarded: dict[bytes, Header] = {}
        self._stride: re.Pattern[bytes] | None = None
        self._previous = 0
        self._resync: re.Pattern[bytes] | None = None
        self._after_tag = False
        self._header: Header | None = None
        self._samples = 0

    @property
    def seen(self) -> Walk:
        """What is known so far, to be looked at only."""
        return self._walk

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        walk = self._walk
        walk.size += len(piece)
        self._last = piece[-TAIL:] if len(piece) >= TAIL else (self._last + piece)[-TAIL:]
        if walk.gave_up is not None:
            return
        self._pending.append(piece)
        self._waiting += len(piece)
        if walk.size < self._wanted and self._waiting < PENDING:
            return
        self._advance(final=False)

    def finish(self) -> Walk:
        """All bytes have come."""
        walk = self._walk
        if walk.gave_up is None:
            self._advance(final=True)
        elif walk.trailing is not None:
            self._look_for_tags(walk.trailing.start)
        self._close_section()
        walk.headers = {header for key in self._lengths if (header := parse_header(key))} | walk.headers
        if walk.first is not None:
            walk.audio_sha256 = self._audio.sha256()
            walk.music_crc = self._audio.music_crc()
            walk.seconds = self._played()
        return walk

    def _played(self) -> float:
        """Seconds of sound, without the silence that the encoder says it added."""
        walk, declared = self._walk, self._walk.declared
        assert walk.first is not None
        added = declared.delay + declared.padding if declared is not None else 0
        return max(0.0, walk.seconds - added / walk.first.sample_rate)

    def _advance(self, *, final: bool) -> None:
        buffer = b"".join([self._rest, *self._pending]) if self._rest or len(self._pending) != 1 else self._pending[0]
        self._pending, self._waiting = [], 0
        self._wanted = 0
        while self._step(buffer, final):
            pass
        self._drop(buffer)

    def _drop(self, buffer: bytes) -> None:
        """Forgets the bytes before the place to look at next, hashed where they are audio."""
        stop = min(self._at, self._walk.size)
        if self._walk.gave_up is not None:
            self._rest, self._base = b"", self._walk.size
            return
        self._hash_to(stop, buffer)
        self._rest = buffer[stop - self._base :]
        self._base = stop

    def _hash_to(self, stop: int, buffer: bytes) -> None:
        if self._hashed is not None and stop > self._hashed:
            self._audio.update(memoryview(buffer)[self._hashed - self._base : stop - self._base])
            self._hashed = stop

    def _lacks(self, stop: int, final: bool) -> bool:
        """Whether bytes up to `stop` have not come, and may come yet."""
        if final or self._walk.size >= stop:
            return False
        self._wanted = stop
        return True

    # Before the first frame

    def _lead(self, buffer: bytes, final: bool) -> bool:
        """Passes over the tags in front."""
        if self._lacks(self._at + TAG_LOOK, final):
            return False
        found = tag_at(buffer, self._at - self._base) if self._at <= self._walk.size else None
        if found is not None and found[0] in ("id3v2", "ape"):
            self._note_tag(found[0], self._at, self._at + found[1])
            self._at += found[1]
            return True
        self._search_from = self._at
        self._step = self._search
        return True

    def _search(self, buffer: bytes, final: bool) -> bool:  # noqa: PLR0911  # one place for every way to wait or end
        """Looks for the first frame."""
        start, base, walk = self._at, self._base, self._walk
        if start >= walk.size:
            return False
        if self._lacks(start + LONGEST_FRAME * CHAINED, final):
            return False
        head = buffer[start - base : start - base + 64]
        foreign = container_of(head)
        if foreign is None and is_free_format(buffer, start - base):
            foreign = "free format"
        if foreign is not None:
            walk.detected = foreign
            return self._give_up(start)
        place = self._search_from
        while (match := ANY_LAYER_3.search(buffer, place - base, start - base + LEADING + 2)) is not None:
            place = base + match.start()
            count, needed, stop = self._chain(buffer, place, None)
            if needed is not None and self._lacks(needed, final):
                self._search_from = place
                return False
            whole = (
                count >= CHAINED or (count >= 2 and self._ends(buffer, stop)) or (count and final and place == start)
            )
            if whole:
                return self._begin(buffer, place)
            place += 1
        self._search_from = max(start, min(walk.size - 1, start + LEADING))
        if walk.size - start < LEADING + LONGEST_FRAME * CHAINED and not final:
            self._wanted = min(self._search_from + 4096, start + LEADING + LONGEST_FRAME * CHAINED)
            return False
        walk.detected = self._other_layer(buffer, start)
        return self._give_up(start)

    def _ends(self, buffer: bytes, stop: int) -> bool:
        """Whether a chain that ends at `stop` ends where the file or its tags do. Only asked when no more comes."""
        return stop >= self._walk.size or tag_at(buffer, stop - self._base) is not None

    def _other_layer(self, buffer: bytes, start: int) -> str | None:
        """Which other layer's frames are there, if any."""
        base, place, tried = self._base, start, 0
        while tried < 4096 and (match := ANY_OTHER_LAYER.search(buffer, place - base, start - base + LEADING)):
            place, tried = base + match.start(), tried + 1
            header = parse_header(buffer[match.start() : match.start() + HEADER])
            if header is not None and self._chain(buffer, place, header)[0] >= CHAINED:
                return f"mpeg layer {header.layer}"
            place += 1
        return None

    def _begin(self, buffer: bytes, place: int) -> bool:
        walk = self._walk
        at = place - self._base
        header = parse_header(buffer[at : at + HEADER])
        assert header is not None
        walk.junk_before = place - self._at
        walk.first, walk.audio_start, walk.audio_end = header, place, place
        self._at = self._previous = self._hashed = place
        self._enter(header)
        declared = read_declared(buffer[at : at + header.length], header)
        if declared is not None and place + header.length <= walk.size:
            walk.declared, walk.info_start = declared, place
            self._at = walk.audio_end = place + header.length
            self._hash_to(self._at, buffer)
            self._audio.mark()
            if declared.music is not None and declared.music > header.length:
                self._audio.expect_music(declared.music - header.length)
        self._step = self._follow
        return True

    def _enter(self, header: Header) -> None:
        self._header = header
        self._resync = resync_pattern(header)

    # Along the frames

    def _follow(self, buffer: bytes, final: bool) -> bool:
        """Goes from header to header."""
        base, size = self._base, len(buffer)
        previous, lengths = self._previous - base, self._lengths
        at, count = self._leap(buffer, self._at - base)
        while True:
            # A subscript that fails once a piece costs less than a call that succeeds each time.
            with suppress(KeyError):
                while True:
                    length = lengths[buffer[at : at + 4]]
                    previous = at
                    at += length
                    count += 1
            if at + HEADER > size:
                break
            guarded = self._guarded.get(buffer[at : at + 4])
            if guarded is None:
                if not self._learn(buffer[at : at + 4]):
                    break
                continue
            if at + 6 + guarded.side_information > size:
                break
            self._check_crc(buffer, at, guarded)
            previous = at
            at += guarded.length
            count += 1
        self._walk.frames += count
        self._samples += count
        self._previous = base + previous
        self._at = base + at
        return self._pause(buffer, final)

    def _leap(self, buffer: bytes, at: int) -> tuple[int, int]:
        """Passes over as many whole strides of known frames as there are, but for the last; where it stands, and the
        frames it passed. The last is left to be walked header by header, so that it is known where a frame began."""
        if not 0 < len(self._lengths) <= STRIDE_HEADERS or len(buffer) - at < PENDING:
            return at, 0
        if self._stride is None:
            self._stride = _stride_over(self._lengths)
        match, count, behind = self._stride.match, 0, at
        while (found := match(buffer, at)) is not None:
            behind, at = at, found.end()
            count += STRIDE
        return behind, max(0, count - STRIDE)

    def _pause(self, buffer: bytes, final: bool) -> bool:
        """At the end of what has come, or of the chain."""
        walk = self._walk
        cut = self._at > walk.size
        whole = self._previous if cut else self._at
        self._hash_to(whole, buffer)
        if whole > walk.audio_end:
            self._audio.mark()
            walk.audio_end = whole
        if cut:
            self._wanted = self._at + HEADER
            if final:
                walk.frames -= 1
                self._samples -= 1
                walk.truncated = self._previous, self._at - self._previous, walk.size - self._previous
            return False
        key = buffer[self._at - self._base : self._at - self._base + HEADER]
        if not final and (len(key) < HEADER or key in self._guarded):
            self._wanted = self._at + (HEADER if len(key) < HEADER else 6 + self._guarded[key].side_information)
            return False
        if final and key in self._guarded:
            # Not even its side information came.
            walk.truncated = self._at, self._guarded[key].length, walk.size - self._at
            return False
        self._step = self._break
        return True

    def _learn(self, key: bytes) -> bool:
        """Looks at a header that is new; False when it does not fit the stream."""
        header = parse_header(key)
        assert self._header is not None
        if header is None or header.format != self._header.format:
            return False
        self._walk.headers.add(header)
        if header.protected:
            self._guarded[key] = header
        else:
            self._lengths[key] = header.length
            self._stride = None
        return True

    def _check_crc(self, buffer: bytes, at: int, header: Header) -> None:
        stated = buffer[at + 4] << 8 | buffer[at + 5]
        if frame_crc(buffer[at + 2 : at + 4] + buffer[at + 6 : at + 6 + header.side_information]) == stated:
            self._walk.crc_good += 1
        else:
            self._walk.crc_bad += 1
            if self._walk.crc_bad_at is None:
                self._walk.crc_bad_at = self._base + at

    def _chain(self, buffer: bytes, place: int, like: Header | None) -> tuple[int, int | None, int]:
        """How many headers of one format follow each other from `place`, up to four; the offset up to which bytes are
        needed to say more; and where the last of these frames ends."""
        base, count = self._base, 0
        while count < CHAINED:
            key = buffer[place - base : place - base + HEADER]
            if len(key) < HEADER:
                return count, place + HEADER, place
            header = parse_header(key)
            if header is None or (like is None and header.layer != 3) or (like and header.format != like.format):
                break
            like = header
            count += 1
            place += header.length
        return count, None, place

    # Where the chain breaks

    def _break(self, buffer: bytes, final: bool) -> bool:  # noqa: PLR0911  # one place for all that may follow a chain
        """No frame follows: the end, a tag, another stream, or damage."""
        walk, base, at = self._walk, self._base, self._at
        if at >= walk.size:
            self._wanted = at + TAG_LOOK
            return False
        if self._lacks(at + TAG_LOOK, final):
            return False
        look = buffer[at - base : at - base + TAG_LOOK]
        if look.startswith(b"LYRICSBEGIN") and self._lacks(min(at + LYRICS_LOOK, self._lyrics_stop(buffer)), final):
            return False
        found = tag_at(buffer, at - base)
        if found is not None:
            self._note_tag(found[0], at, at + found[1])
            self._at += found[1]
            self._after_tag = True
            return True
        header = parse_header(look[:HEADER])
        if header is not None and header.layer == 3:
            count, needed, stop = self._chain(buffer, at, header)
            if needed is not None and self._lacks(needed, final):
                return False
            if count >= CHAINED or (count >= 2 and self._ends(buffer, stop)):
                return self._go_on(header)
        self._search_from = at
        self._step = self._seek
        return True

    def _lyrics_stop(self, buffer: bytes) -> int:
        """As far as a Lyrics3 tag must be here: up to its end, where that is seen already."""
        found = tag_at(buffer, self._at - self._base)
        return self._walk.size if found is not None else self._at + LYRICS_LOOK

    def _go_on(self, header: Header) -> bool:
        """Frames follow what is no frame, or frames of another format."""
        walk = self._walk
        assert self._header is not None
        if header.format != self._header.format:
            walk.changes.append((self._at, header))
            if len(walk.changes) > NOTED:
                return self._give_up(self._at)
            self._close_section()
            self._enter(header)
        elif self._after_tag and len(walk.joins) < NOTED:
            walk.joins.append(self._at)
        self._after_tag = False
        self._previous = self._at
        self._step = self._follow
        return True

    def _close_section(self) -> None:
        """Counts the seconds of the frames of one format."""
        walk = self._walk
        if self._header is not None:
            walk.seconds += self._samples * self._header.samples / self._header.sample_rate
            walk.samples += self._samples * self._header.samples
        walk.headers |= {header for key in self._lengths if (header := parse_header(key))}
        self._samples = 0
        self._lengths.clear()
        self._stride = None
        self._guarded.clear()

    def _seek(self, buffer: bytes, final: bool) -> bool:
        """Looks for where the frames go on behind damage."""
        walk, base, start = self._walk, self._base, self._at
        assert self._resync is not None
        place = self._search_from
        while (match := self._resync.search(buffer, place - base)) is not None:
            place = base + match.start()
            count, needed, stop = self._chain(buffer, place, self._header)
            if needed is not None and self._lacks(needed, final):
                self._search_from = place
                return self._too_long(place)
            if count >= CHAINED or (count >= 2 and final and stop >= walk.size):
                self._note_gap(buffer, start, place)
                if walk.gap_bytes > ALL_GAPS or walk.gap_count > MOST_GAPS:
                    return self._give_up(place)
                self._at = self._previous = place
                self._after_tag = False
                self._step = self._follow
                return True
            place += 1
        self._search_from = max(place, walk.size - HEADER + 1, start)
        if final:
            self._end_in_gap(buffer, start)
            return False
        self._wanted = walk.size + 4096
        return self._too_long(walk.size)

    def _too_long(self, place: int) -> bool:
        """Gives up where no frame came for too long."""
        if place - self._at > GAP:
            self._walk.trailing = Gap(self._at, self._at + GAP, 0)
            return self._give_up(self._at)
        return False

    def _end_in_gap(self, buffer: bytes, start: int) -> None:
        """The file ends without another frame: tags that are told by their end, and junk before them."""
        walk, base = self._walk, self._base
        tag_start = walk.size - ID3V1
        if self._last[-ID3V1:].startswith(b"TAG") and self._previous < tag_start < start:
            # The last frame's missing end was taken from the tag behind it.
            walk.truncated = self._previous, start - self._previous, tag_start - self._previous
            walk.tags.append(Tag("id3v1", tag_start, walk.size))
            return
        stop, tags = peel_tags(buffer, start - base)
        walk.tags += [Tag(kind, base + begin, base + end) for kind, begin, end in tags]
        junk = buffer[start - base : stop]
        begun = self._begun(junk)
        if begun is not None:
            walk.truncated = start, begun, len(junk)
        elif junk:
            walk.trailing = Gap(start, base + stop, junk.count(0), container_of(junk[:64]))

    def _begun(self, rest: bytes) -> int | None:
        """The length of the frame of which only these bytes came: less than a header, but the beginning of one."""
        if not 0 < len(rest) < HEADER:
            return None
        guarded = {key: header.length for key, header in self._guarded.items()}
        return next((length for key, length in (self._lengths | guarded).items() if key.startswith(rest)), None)

    def _look_for_tags(self, start: int) -> None:
        """What was given up on may be one long tag that only its end tells: an APE tag without a header."""
        walk = self._walk
        id3v1 = walk.size - ID3V1 if self._last[-ID3V1:].startswith(b"TAG") else walk.size
        footer = self._last[: len(self._last) - (walk.size - id3v1)][-32:]
        if ape_size(footer) == id3v1 - start:
            walk.gave_up = walk.trailing = None
            self._note_tag("ape", start, id3v1)
            if id3v1 < walk.size:
                self._note_tag("id3v1", id3v1, walk.size)

    def _note_gap(self, buffer: bytes, start: int, stop: int) -> None:
        walk = self._walk
        walk.gap_bytes += stop - start
        walk.gap_count += 1
        if len(walk.gaps) < NOTED:
            inside = buffer[start - self._base : stop - self._base]
            walk.gaps.append(Gap(start, stop, inside.count(0), container_of(inside[:64])))

    def _note_tag(self, kind: str, start: int, stop: int) -> None:
        if len(self._walk.tags) < NOTED:
            self._walk.tags.append(Tag(kind, start, stop))

    def _give_up(self, at: int) -> bool:
        self._walk.gave_up = at
        return False


def _stride_over(lengths: Mapping[bytes, int]) -> re.Pattern[bytes]:
    """Matches `STRIDE` frames in a row whose headers are all among these. No two of its branches fit the same bytes."""
    kinds: dict[tuple[bytes, int], bytes] = {}
    for key, length in lengths.items():
        kinds[key[:3], length] = kinds.get((key[:3], length), b"") + re.escape(key[3:])
    frames = [re.escape(begin) + b"[%s].{%d}" % (fourth, length - HEADER) for (begin, length), fourth in kinds.items()]
    return re.compile(b"(?:%s){%d}" % (b"|".join(frames), STRIDE), re.DOTALL)
