"""Scan an ID3v2 tag within bounds before mutagen may parse it.

mutagen trusts a tag: 1 MiB of NULs in a text costs it 15 seconds, 64 KiB of compressed NULs 2 GiB. Here every size is
checked before it is used. A tag beyond the limits is opaque: kept, but not parsed.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import FRAME_HEADER_BYTES, LAYER_3_SYNC, parse_header
from media_service.media.tags.cover_findings import cover_findings
from media_service.media.tags.id3v2 import (
    EXTENDED_HEADER,
    ID3_HEADER_BYTES,
    UNSYNCHRONISED_TAG,
    MalformedFrame,
    extended_header_bytes,
    frame_bounds,
    frame_header_bytes,
    has_plain_sizes,
    remove_unsynchronisation,
    subframes_offset,
)
from media_service.media.tags.read_cost import ReadCost, UnsafeTag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_service.core.findings import Finding, Severities

MAX_FRAMES = 1000
"""Limit of the frames of a tag."""

MAX_COVERS = 64
"""Limit of the pictures of a tag: mutagen compares each with all others."""

MAX_HELD_BYTES = 1024 * 1024
"""Bytes of a frame's content that are held: enough for a picture's size or a text's encoding."""

MAX_LATIN1_TEXT_BYTES = 4096
"""Size of a text up to which its charset is guessed."""

MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024
"""Limit of all compressed frames of a tag after decompression."""

MAX_DECOMPRESSED_OTHER_BYTES = 1024 * 1024
"""The same limit without pictures: only pictures are large in practice."""

MAX_CHAPTER_DEPTH = 2
"""Limit of nested chapters."""

COMPRESSED_V22 = 0x40
"""Flag of a 2.2 tag: compressed, by a scheme that was never defined."""

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
    """A frame's content after decompression: its size, and at least its first bytes."""

    prefix: bytes | memoryview
    size: int


@dataclass(slots=True)
class TagScan:
    """Result of a scan. If `opaque`, mutagen must not parse the tag. `milliseconds` is the value of TLEN.
    `latin1_texts` are the bytes of texts declared as Latin-1, by the name of our tag."""

    findings: list[Finding] = field(default_factory=list)
    opaque: bool = False
    milliseconds: int | None = None
    latin1_texts: dict[str, bytes] = field(default_factory=dict)
    pictures: list[tuple[int, bytes, _Content]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _ScannedFrame:
    name: bytes
    flags: int
    content: memoryview
    version: int
    offset: int


@dataclass(slots=True)
class _Totals:
    frames: int = 0
    covers: int = 0
    decompressed: int = 0
    decompressed_others: int = 0
    cost: ReadCost = field(default_factory=ReadCost)


def scan_tag(
    head: bytes, body: bytes, policy: Severities, limits: tuple[int, int], audio_start: int | None = None
) -> TagScan:
    """Scan the leading tag, its header and the rest of it, in time linear in its size.

    `limits` are bytes and pixels of a cover. `audio_start` is the file offset of the first frame that was found; frames
    inside the tag that lead to it belong to the audio.
    """
    scan = TagScan()
    if len(head) < ID3_HEADER_BYTES:
        return scan
    version, flags = head[3], head[5]
    if version not in (2, 3, 4):
        return _unsupported(policy, "2.2 to 2.4", f"2.{version}")
    if flags & UNSYNCHRONISED_TAG and version < 4:
        body = remove_unsynchronisation(body)
    if version == 2 and flags & COMPRESSED_V22:
        return _unsupported(policy, "uncompressed", "compressed")
    start = extended_header_bytes(body, version) if flags & EXTENDED_HEADER else 0
    totals = _Totals()
    audio_start = None if audio_start is None else audio_start - ID3_HEADER_BYTES
    try:
        stop = start
        for name, frame_flags, content, stop in _frames(body, start, version, audio_start):
            _scan_frame(scan, totals, _ScannedFrame(name, frame_flags, content, version, stop - len(content)))
        _check_padding(body, stop, audio_start)
        for offset, name, picture in scan.pictures:
            findings = cover_findings(name, bytes(picture.prefix), picture.size, policy, limits)
            scan.findings += (replace(finding, offset=ID3_HEADER_BYTES + offset) for finding in findings)
    except UnsafeTag as unsafe:
        scan.opaque = True
        offset = ID3_HEADER_BYTES + unsafe.offset
        scan.findings.append(policy.finding(unsafe.code, offset=offset, expected=unsafe.expected, actual=unsafe.actual))
    return scan


def _unsupported(policy: Severities, expected: str, actual: str) -> TagScan:
    return TagScan([policy.finding("id3_unsupported", offset=0, expected=expected, actual=actual)], opaque=True)


def _frames(
    body: bytes, start: int, version: int, audio_start: int | None = None
) -> Iterator[tuple[bytes, int, memoryview, int]]:
    """Yield id, flags, content and end of each frame. Raise UnsafeTag if one is malformed."""
    view, header_bytes = memoryview(body), frame_header_bytes(version)
    plain = version < 4 or has_plain_sizes(body, start)
    try:
        for name, frame_start, stop in frame_bounds(body, version, start, plain=plain):
            flags = 0 if version == 2 else int.from_bytes(body[frame_start + 8 : frame_start + 10])
            yield name, flags, view[frame_start + header_bytes : stop], stop
    except MalformedFrame as frame:
        _reject_hidden_audio(body, frame.offset, audio_start)
        raise UnsafeTag("id3_malformed", frame.offset, "a frame", frame.name.decode("latin-1")) from None


def _check_padding(body: bytes, offset: int, audio_start: int | None) -> None:
    """Raise UnsafeTag if the padding is not zeros: a size is wrong, or there is audio."""
    if body.count(0, offset) == len(body) - offset:
        return
    _reject_hidden_audio(body, offset, audio_start)
    raise UnsafeTag("id3_malformed", offset, "zeros", "other bytes")


def _reject_hidden_audio(body: bytes, offset: int, audio_start: int | None) -> None:
    """Raise UnsafeTag if there is a chain of audio frames inside the tag, or one that leads to the first frame."""
    for attempts, match in enumerate(LAYER_3_SYNC.finditer(body, offset)):
        position, frames, first_header = match.start(), 0, None
        while (header := parse_header(body[position : position + FRAME_HEADER_BYTES])) is not None and frames < 8:
            first_header = first_header or header
            if header.format != first_header.format:
                break
            frames += 1
            position += header.length
        if frames >= 8 or (frames and position == audio_start):
            raise UnsafeTag("id3_overlaps_audio", match.start(), "a tag", "audio frames")
        if attempts > 100_000:
            return


def _scan_frame(scan: TagScan, totals: _Totals, frame: _ScannedFrame) -> None:
    """Check one frame. Raise UnsafeTag."""
    name, offset = frame.name, frame.offset
    totals.frames += 1
    if totals.frames > MAX_FRAMES:
        raise UnsafeTag("id3_too_many_frames", offset, MAX_FRAMES, totals.frames)
    content = _decompress(totals, frame)
    if name in (b"CHAP", b"CTOC"):
        _scan_chapter(totals, frame, bytes(content.prefix), 1)
    totals.cost.add(name, content.prefix, content.size, offset)
    if name in _PICTURES:
        totals.covers += 1
        if totals.covers > MAX_COVERS:
            raise UnsafeTag("id3_too_many_frames", offset, MAX_COVERS, totals.covers)
        scan.pictures.append((offset, name, content))
    if name == b"TLEN" and (digits := re.fullmatch(rb"[\x00\x03](\d{1,10})\x00?", content.prefix)):
        scan.milliseconds = int(digits[1])
    if name in _SHOWN and content.prefix[:1] == _LATIN_1 and content.size <= MAX_LATIN1_TEXT_BYTES:
        scan.latin1_texts.setdefault(_SHOWN[name], bytes(content.prefix[1:]).rstrip(b"\0"))


def _decompress(totals: _Totals, frame: _ScannedFrame) -> _Content:
    """Return the content of a frame, decompressed within the limits. Raise UnsafeTag."""
    content, flags, version, offset = frame.content, frame.flags, frame.version, frame.offset
    whole = frame.name in (b"CHAP", b"CTOC")
    compressed, encrypted = (flags & 0x80, flags & 0x40) if version == 3 else (flags & 0x08, flags & 0x04)
    if version == 2 or not compressed:
        return _Content(content if whole else content[:MAX_HELD_BYTES], len(content))
    if encrypted:
        raise UnsafeTag("id3_unsupported", offset, "no encryption", "an encrypted frame")
    if version == 4 and flags & 0x02:
        content = memoryview(remove_unsynchronisation(bytes(content)))
    # The size before compression: in 2.3 always, in 2.4 as the data length indicator.
    data = content[4:] if version == 3 or flags & 0x01 else content
    try:
        prefix, size = _decompress_prefix(
            data,
            MAX_DECOMPRESSED_BYTES - totals.decompressed,
            MAX_DECOMPRESSED_OTHER_BYTES if whole else MAX_HELD_BYTES,
        )
    except zlib.error:
        raise UnsafeTag("id3_malformed", offset, "compressed data", "other data") from None
    totals.decompressed += size
    totals.decompressed_others += 0 if frame.name in _PICTURES else size
    if totals.decompressed > MAX_DECOMPRESSED_BYTES:
        raise UnsafeTag("id3_bomb", offset, MAX_DECOMPRESSED_BYTES, f"more than {MAX_DECOMPRESSED_BYTES}")
    if totals.decompressed_others > MAX_DECOMPRESSED_OTHER_BYTES:
        raise UnsafeTag("tag_value_too_long", offset, MAX_DECOMPRESSED_OTHER_BYTES, totals.decompressed_others)
    return _Content(prefix, size)


def _decompress_prefix(data: bytes | memoryview, max_bytes: int, held_bytes: int) -> tuple[bytes, int]:
    """Return the first `held_bytes`, and the total size, counted up to just above `max_bytes`."""
    decompressor = zlib.decompressobj()
    prefix = decompressor.decompress(data, min(max_bytes + 1, held_bytes))
    size = len(prefix)
    while decompressor.unconsumed_tail and size <= max_bytes:
        size += len(decompressor.decompress(decompressor.unconsumed_tail, MAX_HELD_BYTES))
    return prefix, size


def _scan_chapter(totals: _Totals, chapter: _ScannedFrame, content: bytes, depth: int) -> None:
    """Check the frames inside a chapter, which may be chapters too. Raise UnsafeTag."""
    offset, version = chapter.offset, chapter.version
    if depth > MAX_CHAPTER_DEPTH:
        raise UnsafeTag("id3_malformed", offset, MAX_CHAPTER_DEPTH, depth)
    end = min(subframes_offset(chapter.name, content), len(content))
    for name, flags, inner_content, stop in _frames(content, end, version):
        end = stop
        totals.frames += 1
        if totals.frames > MAX_FRAMES:
            raise UnsafeTag("id3_too_many_frames", offset, MAX_FRAMES, totals.frames)
        frame = _ScannedFrame(name, flags, inner_content, version, offset)
        inner = _decompress(totals, frame)
        if name in (b"CHAP", b"CTOC"):
            _scan_chapter(totals, frame, bytes(inner.prefix), depth + 1)
        totals.cost.add(name, inner.prefix, inner.size, offset)
    if content.count(0, end) != len(content) - end:
        # mutagen would read these as empty frames, and copy the rest after each.
        raise UnsafeTag("id3_malformed", offset, "zeros", "other bytes")
