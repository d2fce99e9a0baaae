"""ID3v2 tags as bytes, without mutagen: leading tags, their frames, and the conversion of frame headers.

Frames that we do not write are kept byte for byte, or with a new header if the tag's version changes.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.signatures import decode_syncsafe, detect_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ID3_HEADER_BYTES = 10
"""Size of a tag header, and of a frame header of 2.3 and 2.4."""

MAX_LEADING_TAGS = 16
"""Leading tags that are merged; no program writes more."""

MAX_TAG_BYTES = 16 * 1024 * 1024
"""Size of all leading tags, or of another tag, that is held in memory. Further tags are not changed."""

SIZE_PROBE_FRAMES = 2000
"""Frames after which the kind of sizes is decided."""

MAX_FRAMES = 50_000
"""Frames of a tag that are read; a tag with more is kept whole."""

PRIVATE_FRAME_OWNER = "urn:media-service:tag"
"""Owner of the PRIV frame in which a tag is kept that cannot be read."""

_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{2,3}")
UNSYNCHRONISED_TAG, EXTENDED_HEADER = 0x80, 0x40
"""Flags of a tag (ID3v2.4 structure, section 3.1)."""

_STATUS_FLAGS_V23 = 0xE0
_UNSYNCHRONISED = 0x02
_WITH_TEXT_ENCODING = (b"T", b"COMM", b"USLT", b"WXXX", b"APIC", b"GEOB", b"SYLT", b"USER", b"OWNE", b"COMR")
"""Frames that begin with a text encoding. 2.3 and 2.4 share only the encodings 0 and 1."""

_VERSION_SPECIFIC = frozenset({b"TYER", b"TDAT", b"TIME", b"TDRC", b"TORY", b"TDOR", b"IPLS", b"TIPL", b"TMCL"})
"""Frames that 2.3 and 2.4 write differently."""


class MalformedFrame(ValueError):
    """No frame can begin at `offset` of the tag's body; `name` is the id that stands there."""

    def __init__(self, offset: int, name: bytes) -> None:
        super().__init__(offset, name)
        self.offset, self.name = offset, name


@dataclass(frozen=True, slots=True)
class Id3Frame:
    """A frame of version 2.3 or 2.4 as it is in its tag."""

    version: int
    name: bytes
    raw: bytes

    @property
    def content(self) -> bytes:
        """Return the bytes after the frame header."""
        return self.raw[ID3_HEADER_BYTES:]

    def to_version(self, version: int) -> bytes | None:
        """Return the frame for a tag of this version with the same content; None if the content must be converted."""
        if version == self.version:
            return self.raw
        status, format_flags, content = self.raw[8], self.raw[9], self.content
        has_encoding = self.name.startswith(_WITH_TEXT_ENCODING)
        if format_flags or self.name in _VERSION_SPECIFIC or (has_encoding and version == 3 and content[:1] > b"\x01"):
            return None
        if self.name in (b"CHAP", b"CTOC"):
            start = subframes_offset(self.name, content)
            try:
                inner = [frame.to_version(version) for frame in _iter_body_frames(content[start:], self.version)]
            except (ValueError, RecursionError):
                return None
            if None in inner:
                return None
            content = content[:start] + b"".join(frame for frame in inner if frame is not None)
        status = status >> 1 if version == 4 else status << 1 & _STATUS_FLAGS_V23
        return self.name + encode_size(len(content), version) + bytes([status, 0]) + content


def leading_tags(file: BinaryIO) -> list[bytes]:
    """Return the consecutive ID3v2 tags at the file's beginning, as many as fit MAX_TAG_BYTES."""
    tags: list[bytes] = []
    offset = 0
    while len(tags) < MAX_LEADING_TAGS:
        file.seek(offset)
        detected = detect_tag(file.read(32), 0)
        if detected is None or detected[0] != "id3v2" or offset + detected[1] > MAX_TAG_BYTES:
            return tags
        file.seek(offset)
        tags.append(file.read(detected[1]))
        offset += detected[1]
    return tags


def iter_frames(tag: bytes) -> Iterator[Id3Frame]:
    """Yield the frames of a 2.3 or 2.4 tag. Raise ValueError if one is malformed."""
    version, flags = tag[3], tag[5]
    if version not in (3, 4):
        raise ValueError(version)
    body = _tag_body(tag)
    # In 2.4 each frame is unsynchronised by itself, and its size counts the result (section 6.1).
    if flags & UNSYNCHRONISED_TAG and version == 3:
        body = remove_unsynchronisation(body)
    if flags & EXTENDED_HEADER:
        body = body[extended_header_bytes(body, version) :]
    for frame in _iter_body_frames(body, version):
        raw = frame.raw
        if flags & UNSYNCHRONISED_TAG and version == 4 and not raw[9] & _UNSYNCHRONISED:
            # Only the old tag header says that the frame is unsynchronised.
            content = remove_unsynchronisation(frame.content)
            yield Id3Frame(
                version, frame.name, frame.name + encode_size(len(content), 4) + raw[8:ID3_HEADER_BYTES] + content
            )
        else:
            yield frame


def subframes_offset(name: bytes, content: bytes) -> int:
    """Return the offset of the frames inside a CHAP or CTOC frame's content."""
    offset = content.find(b"\0") + 1
    if name == b"CHAP":
        return offset + 16
    count = content[offset + 1] if len(content) > offset + 1 else 0
    offset += 2
    for _ in range(count):
        offset = content.find(b"\0", offset) + 1 or len(content)
    return offset


def _iter_body_frames(body: bytes, version: int) -> Iterator[Id3Frame]:
    """Yield the frames of a tag's or a chapter's body. Raise ValueError."""
    plain = version == 3 or has_plain_sizes(body)
    for name, start, stop in _strict_bounds(body, version, plain=plain):
        raw = body[start:stop]
        if plain and version == 4:
            # Next to our frames, whose sizes are syncsafe, readers could not tell the two kinds apart.
            raw = name + encode_size(len(raw) - ID3_HEADER_BYTES, 4) + raw[8:]
        yield Id3Frame(version, name, raw)


def has_plain_sizes(body: bytes, start: int = 0) -> bool:
    """Return whether the frames of a 2.4 tag have sizes that are not syncsafe, as iTunes wrote them."""
    for plain in (False, True):
        with suppress(ValueError):
            for _ in islice(_strict_bounds(body, 4, start, plain=plain), SIZE_PROBE_FRAMES):
                pass
            return plain
    return False


def frame_bounds(body: bytes, version: int, start: int = 0, *, plain: bool) -> Iterator[tuple[bytes, int, int]]:
    """Yield id, start and end of each frame up to the padding, which is not checked. Raise MalformedFrame. `plain`:
    sizes are not syncsafe. Of a syncsafe size only the lower seven bits of each byte count, as in mutagen."""
    id_bytes = 3 if version == 2 else 4
    while start + frame_header_bytes(version) <= len(body) and body[start]:
        name, size = body[start : start + id_bytes], body[start + id_bytes : start + 2 * id_bytes]
        stop = start + frame_header_bytes(version) + (int.from_bytes(size) if plain else decode_syncsafe(size))
        if not _FRAME_ID.fullmatch(name) or stop > len(body):
            raise MalformedFrame(start, name)
        yield name, start, stop
        start = stop


def frame_header_bytes(version: int) -> int:
    """Return the size of a frame header."""
    return 6 if version == 2 else ID3_HEADER_BYTES


def _strict_bounds(body: bytes, version: int, start: int = 0, *, plain: bool) -> Iterator[tuple[bytes, int, int]]:
    """Yield the same. Raise ValueError also for sizes that are not syncsafe, and for padding that is not zeros."""
    stop = start
    for name, frame_start, stop in frame_bounds(body, version, start, plain=plain):
        if not plain and max(body[frame_start + 4 : frame_start + 8]) > 0x7F:
            raise ValueError(name)
        yield name, frame_start, stop
    if body.count(0, stop) != len(body) - stop:
        # A size of a frame is wrong, and the frame is cut.
        raise ValueError(stop)


def iter_v22_frames(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield id and bytes of each frame of a 2.2 tag. Raise ValueError."""
    body = _tag_body(tag)
    if tag[5] & UNSYNCHRONISED_TAG:
        body = remove_unsynchronisation(body)
    for name, start, stop in frame_bounds(body, 2, plain=True):
        yield name, body[start:stop]


def _tag_body(tag: bytes) -> bytes:
    return tag[ID3_HEADER_BYTES : ID3_HEADER_BYTES + decode_syncsafe(tag[6:ID3_HEADER_BYTES])]


def remove_unsynchronisation(content: bytes) -> bytes:
    """Undo the unsynchronisation scheme (ID3v2.4 structure, section 6.1)."""
    return content.replace(b"\xff\x00", b"\xff")


def extended_header_bytes(body: bytes, version: int) -> int:
    """Return the size of the extended header (section 3.2); in 2.3 it does not count its first four bytes."""
    size = body[:4]
    return min(len(body), 4 + int.from_bytes(size) if version == 3 else decode_syncsafe(size))


def build_tag(frames: Sequence[bytes], version: int, padding: int = 0) -> bytes:
    """Return a tag of these frames."""
    size = encode_size(sum(map(len, frames)) + padding, 4)
    return b"".join([b"ID3", bytes([version, 0, 0]), size, *frames, bytes(padding)])


def wrap_in_private_frame(content: bytes, version: int) -> bytes:
    """Return a PRIV frame with bytes that cannot be a frame of this tag: players skip it, and nothing is lost."""
    content = PRIVATE_FRAME_OWNER.encode() + b"\0" + content
    return b"PRIV" + encode_size(len(content), version) + bytes(2) + content


def txxx_description(content: bytes) -> str | None:
    """Return the description of a TXXX frame; None if it cannot be decoded."""
    encoding, text = content[:1], content[1:]
    try:
        if encoding in (b"\x01", b"\x02"):
            stop = next((i for i in range(0, len(text) - 1, 2) if text[i : i + 2] == b"\0\0"), len(text))
            return text[:stop].decode("utf-16" if encoding == b"\x01" else "utf-16-be")
        return text.partition(b"\0")[0].decode("utf-8" if encoding == b"\x03" else "latin-1")
    except UnicodeDecodeError:
        return None


def has_empty_description(content: bytes) -> bool:
    """Return whether a COMM or USLT frame has no description: players show that comment."""
    encoding, text = content[:1], content[4:]
    if encoding in (b"\x01", b"\x02"):
        return text.startswith((b"\xff\xfe\x00\x00", b"\xfe\xff\x00\x00", b"\x00\x00"))
    return text.startswith(b"\x00")


def encode_size(size: int, version: int) -> bytes:
    """Encode the size of a frame of this version, or of a tag (as in 2.4)."""
    return size.to_bytes(4) if version == 3 else bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
