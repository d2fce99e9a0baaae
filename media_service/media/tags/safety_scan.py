"""A bounded look into an ID3v2 tag before mutagen may see it.

mutagen trusts what a tag says: a megabyte of zeros in a text costs it 15 seconds, 64 KiB of compressed zeros two
gigabytes. Here every size is bounded before it is followed. A tag that is too much is opaque: kept, and read by nobody.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import ANY_LAYER_3, HEADER, parse_header
from media_service.media.signatures import syncsafe
from media_service.media.tags.cover_findings import cover_findings
from media_service.media.tags.id3v2 import inner_start, sizes_are_plain
from media_service.media.tags.read_cost import ReadCost, TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_service.core.findings import Finding, Severities

TAG_HEADER = 10
FRAMES = 1000
"""Frames of a tag that are read."""

COVERS = 64
"""Pictures of a tag that are read: mutagen compares each with all others."""

HELD = 1024 * 1024
"""Bytes of a frame's content that are held where the beginning tells enough: a picture's size, a text's encoding."""

LATIN = 4096
"""Bytes of a text whose encoding is guessed."""

UNFOLDED = 16 * 1024 * 1024
"""Bytes to which all compressed frames of a tag may unfold."""

UNFOLDED_OTHERS = 1024 * 1024
"""Bytes to which all compressed frames but pictures may unfold: only of pictures are large ones ever shown."""

NESTING = 2
"""Chapters within chapters."""

_ID = {2: re.compile(rb"[A-Z][A-Z0-9]{2}"), 3: re.compile(rb"[A-Z][A-Z0-9]{3}"), 4: re.compile(rb"[A-Z][A-Z0-9]{3}")}
_PICTURES = (b"APIC", b"PIC")
_LATIN_1 = b"\0"
_SHOWN = {
    b"TIT2": "title",
    b"TPE1": "artist",
    b"TALB": "album",
    b"TT2": "title",
    b"TP1": "artist",
    b"TAL": "album",
}


@dataclass(frozen=True, slots=True)
class _Content:
    """What a frame holds, unfolded: its size in bytes, and at least its beginning."""

    begin: bytes | memoryview
    size: int


@dataclass(slots=True)
class Scan:
    """What a look into a tag found. `opaque`: mutagen must not see it. `milliseconds` is what TLEN says.

    `latin` are the bytes of texts that claim to be Latin-1, by the name of our tag.
    """

    findings: list[Finding] = field(default_factory=list)
    opaque: bool = False
    milliseconds: int | None = None
    latin: dict[str, bytes] = field(default_factory=dict)
    pictures: list[tuple[int, bytes, _Content]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Frame:
    name: bytes
    flags: int
    content: memoryview
    version: int
    at: int


@dataclass(slots=True)
class _Counts:
    frames: int = 0
    covers: int = 0
    unfolded: int = 0
    unfolded_others: int = 0
    read: ReadCost = field(default_factory=ReadCost)


def scan(head: bytes, body: bytes, policy: Severities, most: tuple[int, int], sound: int | None = None) -> Scan:
    """Looks at the whole leading tag: its header, and what is behind it. Takes a time that is bounded by its size.

    It holds no more than the tag and, where that is unsynchronised, the bytes it stands for. `most` are the bytes and
    pixels that a cover may have. `sound` is where in the file the first frame was found: frames inside the tag that
    lead to it were covered by it.
    """
    seen = Scan()
    if len(head) < TAG_HEADER:
        return seen
    version, flags = head[3], head[5]
    if version not in _ID:
        seen.opaque = True
        seen.findings.append(policy.finding("id3_unsupported", offset=0, expected="2.2 to 2.4", actual=f"2.{version}"))
        return seen
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\x00", b"\xff")
    if version == 2 and flags & 0x40:
        seen.opaque = True
        seen.findings.append(policy.finding("id3_unsupported", offset=0, expected="uncompressed", actual="compressed"))
        return seen
    start = _extended(body, version) if flags & 0x40 else 0
    counts = _Counts()
    sound = None if sound is None else sound - TAG_HEADER
    try:
        stop = start
        for name, frame_flags, content, stop in _frames(body, start, version, sound):
            _look(seen, counts, _Frame(name, frame_flags, content, version, stop - len(content)))
        _look_behind(body, stop, sound)
        for at, name, picture in seen.pictures:
            found = cover_findings(name, bytes(picture.begin), picture.size, policy, most)
            seen.findings += (replace(each, offset=TAG_HEADER + at) for each in found)
    except TooMuch as much:
        seen.opaque = True
        seen.findings.append(
            policy.finding(much.code, offset=TAG_HEADER + much.offset, expected=much.expected, actual=much.actual)
        )
    return seen


def _extended(body: bytes, version: int) -> int:
    """Bytes of the extended header."""
    size = body[:4]
    return min(len(body), 4 + int.from_bytes(size) if version == 3 else syncsafe(size))


def _frames(
    body: bytes, at: int, version: int, sound: int | None = None
) -> Iterator[tuple[bytes, int, memoryview, int]]:
    """Each frame's id, flags, content, and where it ends. Raises TooMuch where no frame can be."""
    view = memoryview(body)
    width = 6 if version == 2 else TAG_HEADER
    plain = version < 4 or sizes_are_plain(body, at)
    while at + width <= len(body) and body[at]:
        name = body[at : at + (3 if version == 2 else 4)]
        field_ = body[at + len(name) : at + 2 * len(name)]
        size = int.from_bytes(field_) if plain else syncsafe(field_)
        if not _ID[version].fullmatch(name) or at + width + size > len(body):
            _check_audio(body, at, sound)
            raise TooMuch("id3_malformed", at, "a frame", name.decode("latin-1"))
        flags = 0 if version == 2 else int.from_bytes(body[at + 8 : at + 10])
        stop = at + width + size
        yield name, flags, view[at + width : stop], stop
        at = stop


def _look_behind(body: bytes, at: int, sound: int | None) -> None:
    """Padding is zeros. Anything else is a lie about a size, or sound."""
    if body.count(0, at) == len(body) - at:
        return
    _check_audio(body, at, sound)
    raise TooMuch("id3_malformed", at, "zeros", "other bytes")


def _check_audio(body: bytes, at: int, sound: int | None) -> None:
    """Raises TooMuch where frames of sound follow each other inside the tag, or lead out of it to the first one."""
    for tried, match in enumerate(ANY_LAYER_3.finditer(body, at)):
        place, count, first = match.start(), 0, None
        while (header := parse_header(body[place : place + HEADER])) is not None and count < 8:
            first = first or header
            if header.format != first.format:
                break
            count += 1
            place += header.length
        if count >= 8 or (count and place == sound):
            raise TooMuch("id3_overlaps_audio", match.start(), "a tag", "frames of sound")
        if tried > 100_000:
            return


def _look(seen: Scan, counts: _Counts, frame: _Frame) -> None:
    """One frame. Raises TooMuch."""
    name, at = frame.name, frame.at
    counts.frames += 1
    if counts.frames > FRAMES:
        raise TooMuch("id3_too_many_frames", at, FRAMES, counts.frames)
    content = _unfold(counts, frame)
    if name in (b"CHAP", b"CTOC"):
        _look_into_chapter(counts, frame, bytes(content.begin), 1)
    counts.read.add(name, content.begin, content.size, at)
    if name in _PICTURES:
        counts.covers += 1
        if counts.covers > COVERS:
            raise TooMuch("id3_too_many_frames", at, COVERS, counts.covers)
        seen.pictures.append((at, name, content))
    if name == b"TLEN" and (digits := re.fullmatch(rb"[\x00\x03](\d{1,10})\x00?", content.begin)):
        seen.milliseconds = int(digits[1])
    if name in _SHOWN and content.begin[:1] == _LATIN_1 and content.size <= LATIN:
        seen.latin.setdefault(_SHOWN[name], bytes(content.begin[1:]).rstrip(b"\0"))


def _unfold(counts: _Counts, frame: _Frame) -> _Content:
    """The content of a compressed frame, as far as a tag may unfold; that of any other as it is."""
    content, flags, version, at = frame.content, frame.flags, frame.version, frame.at
    whole = frame.name in (b"CHAP", b"CTOC")
    compressed, encrypted = (flags & 0x80, flags & 0x40) if version == 3 else (flags & 0x08, flags & 0x04)
    if version == 2 or not compressed:
        return _Content(content if whole else content[:HELD], len(content))
    if encrypted:
        raise TooMuch("id3_unsupported", at, "no encryption", "an encrypted frame")
    skip = 4 if version == 3 or flags & 0x01 else 0
    folded = content[skip:] if version == 3 or not flags & 0x02 else bytes(content).replace(b"\xff\0", b"\xff")[skip:]
    try:
        begin, size = _unfolded(folded, UNFOLDED - counts.unfolded, UNFOLDED_OTHERS if whole else HELD)
    except zlib.error:
        raise TooMuch("id3_malformed", at, "compressed bytes", "others") from None
    counts.unfolded += size
    counts.unfolded_others += 0 if frame.name in _PICTURES else size
    if counts.unfolded > UNFOLDED:
        raise TooMuch("id3_bomb", at, UNFOLDED, f"more than {UNFOLDED}")
    if counts.unfolded_others > UNFOLDED_OTHERS:
        raise TooMuch("tag_value_too_long", at, UNFOLDED_OTHERS, counts.unfolded_others)
    return _Content(begin, size)


def _unfolded(folded: bytes | memoryview, most: int, held: int) -> tuple[bytes, int]:
    """The first `held` bytes, and how many there are, counted as far as just beyond `most`."""
    unfolder = zlib.decompressobj()
    begin = unfolder.decompress(folded, min(most + 1, held))
    size = len(begin)
    while unfolder.unconsumed_tail and size <= most:
        size += len(unfolder.decompress(unfolder.unconsumed_tail, HELD))
    return begin, size


def _look_into_chapter(counts: _Counts, chapter: _Frame, content: bytes, depth: int) -> None:
    """Chapters hold frames, and those may be chapters. Raises TooMuch."""
    at, version = chapter.at, chapter.version
    if depth > NESTING:
        raise TooMuch("id3_malformed", at, NESTING, depth)
    end = min(inner_start(chapter.name, content), len(content))
    for name, flags, folded, stop in _frames(content, end, version):
        end = stop
        counts.frames += 1
        if counts.frames > FRAMES:
            raise TooMuch("id3_too_many_frames", at, FRAMES, counts.frames)
        frame = _Frame(name, flags, folded, version, at)
        inner = _unfold(counts, frame)
        if name in (b"CHAP", b"CTOC"):
            _look_into_chapter(counts, frame, bytes(inner.begin), depth + 1)
        counts.read.add(name, inner.begin, inner.size, at)
    if content.count(0, end) != len(content) - end:
        # mutagen would read these as empty frames, and copies what remains after each.
        raise TooMuch("id3_malformed", at, "zeros", "other bytes")
