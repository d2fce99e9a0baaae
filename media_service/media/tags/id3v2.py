"""ID3v2 tags as bytes, without mutagen: which stand in front, their frames, and a frame's form in the other version.

What is not ours is kept: byte for byte where the tag's version stays, with a new frame header where it changes.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.signatures import syncsafe, tag_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADER = 10
"""Bytes of a tag's and of a frame's header."""

TAGS = 16
"""Tags in front that are put together; more is no file that a program wrote."""

TAG_LIMIT = 16 * 1024 * 1024
"""Bytes of all of them, and of any other tag: so much is held in memory. What comes after stays where it is."""

ENOUGH = 2000
"""Frames after which a tag's sizes are believed to be what they seem."""

FRAMES = 50_000
"""Frames of a tag that are taken apart; one with more is kept as a whole."""

SET_ASIDE = "urn:media-service:tag"
"""Who owns the private frame in which a tag is kept that cannot be taken apart."""

_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{3}")
_STATUS = 0xE0
_UNSYNCHRONISED = 0x02
_ENCODED = (b"T", b"COMM", b"USLT", b"WXXX", b"APIC", b"GEOB", b"SYLT", b"USER", b"OWNE", b"COMR")
"""Frames that begin with the encoding of their texts. Versions 2.3 and 2.4 share the first two encodings."""

_DIFFERENT = frozenset({b"TYER", b"TDAT", b"TIME", b"TDRC", b"TORY", b"TDOR", b"IPLS", b"TIPL", b"TMCL"})
"""Frames that the two versions write otherwise."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of version 2.3 or 2.4 as it stands in its tag."""

    version: int
    name: bytes
    raw: bytes

    @property
    def content(self) -> bytes:
        """What is behind its header."""
        return self.raw[HEADER:]

    def as_version(self, version: int) -> bytes | None:
        """The frame in a tag of this version, its content untouched; None where the content must be translated."""
        if version == self.version:
            return self.raw
        status, form, content = self.raw[8], self.raw[9], self.content
        text = self.name.startswith(_ENCODED)
        if form or self.name in _DIFFERENT or (text and version == 3 and content[:1] > b"\x01"):
            return None
        if self.name in (b"CHAP", b"CTOC"):
            start = inner_start(self.name, content)
            try:
                inner = [frame.as_version(version) for frame in _frames_in(content[start:], self.version)]
            except (ValueError, RecursionError):
                return None
            if None in inner:
                return None
            content = content[:start] + b"".join(frame for frame in inner if frame is not None)
        status = status >> 1 if version == 4 else status << 1 & _STATUS
        return self.name + size_field(len(content), version) + bytes([status, 0]) + content


def leading_tags(file: BinaryIO) -> list[bytes]:
    """The tags of ID3v2 at the file's beginning, one behind the other, each whole, as far as all fit TAG_LIMIT."""
    found: list[bytes] = []
    at = 0
    while len(found) < TAGS:
        file.seek(at)
        look = tag_at(file.read(32), 0)
        if look is None or look[0] != "id3v2" or at + look[1] > TAG_LIMIT:
            return found
        file.seek(at)
        found.append(file.read(look[1]))
        at += look[1]
    return found


def frames(tag: bytes) -> Iterator[Frame]:
    """Each frame of a tag of version 2.3 or 2.4. Raises ValueError where no frame can be."""
    version, flags = tag[3], tag[5]
    if version not in (3, 4):
        raise ValueError(version)
    body = tag[HEADER : HEADER + syncsafe(tag[6:HEADER])]
    # In version 2.4 each frame is unsynchronised by itself, and its size counts what is written.
    if flags & 0x80 and version == 3:
        body = body.replace(b"\xff\x00", b"\xff")
    if flags & 0x40:
        size = body[:4]
        body = body[4 + int.from_bytes(size) if version == 3 else syncsafe(size) :]
    for frame in _frames_in(body, version):
        raw = frame.raw
        if flags & 0x80 and version == 4 and not raw[9] & _UNSYNCHRONISED:
            # Only the tag says that this frame is unsynchronised, and our tag will not.
            content = frame.content.replace(b"\xff\x00", b"\xff")
            yield Frame(version, frame.name, frame.name + size_field(len(content), 4) + raw[8:HEADER] + content)
        else:
            yield frame


def inner_start(name: bytes, content: bytes) -> int:
    """Where the frames inside a chapter or a table of chapters begin."""
    at = content.find(b"\0") + 1
    if name == b"CHAP":
        return at + 16
    count = content[at + 1] if len(content) > at + 1 else 0
    at += 2
    for _ in range(count):
        at = content.find(b"\0", at) + 1 or len(content)
    return at


def _frames_in(body: bytes, version: int) -> Iterator[Frame]:
    """Each frame of a tag's or a chapter's body. Raises ValueError where no frame can be."""
    plain = version == 3 or sizes_are_plain(body)
    for name, start, stop in _places(body, plain=plain):
        whole = body[start:stop]
        if plain and version == 4:
            # Beside our frames, whose sizes are right, nobody could tell how to read it.
            whole = name + size_field(len(whole) - HEADER, 4) + whole[8:]
        yield Frame(version, name, whole)


def sizes_are_plain(body: bytes, at: int = 0) -> bool:
    """Whether the sizes of these frames of version 2.4 are not syncsafe: iTunes wrote them so."""
    for plain in (False, True):
        with suppress(ValueError):
            for _ in islice(_places(body, at, plain=plain), ENOUGH):
                pass
            return plain
    return False


def _places(body: bytes, at: int = 0, *, plain: bool) -> Iterator[tuple[bytes, int, int]]:
    """Each frame's id, and where it begins and ends. Raises ValueError where no frame can be."""
    while at + HEADER <= len(body) and body[at]:
        name, field = body[at : at + 4], body[at + 4 : at + 8]
        if not plain and max(field) > 0x7F:
            raise ValueError(field)
        stop = at + HEADER + (int.from_bytes(field) if plain else syncsafe(field))
        if not _FRAME_ID.fullmatch(name) or stop > len(body):
            raise ValueError(name)
        yield name, at, stop
        at = stop
    if body.count(0, at) != len(body) - at:
        # Padding is zeros. Anything else means that a size was misread and a frame cut.
        raise ValueError(body[at : at + HEADER])


def small_frames(tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each frame of a tag of version 2.2: its id, and the whole frame. Raises ValueError where no frame can be."""
    body, at = tag[HEADER : HEADER + syncsafe(tag[6:HEADER])], 0
    if tag[5] & 0x80:
        body = body.replace(b"\xff\x00", b"\xff")
    while at + 6 <= len(body) and body[at]:
        stop = at + 6 + int.from_bytes(body[at + 3 : at + 6])
        if not re.fullmatch(rb"[A-Z][A-Z0-9]{2}", body[at : at + 3]) or stop > len(body):
            raise ValueError(body[at : at + 6])
        yield body[at : at + 3], body[at:stop]
        at = stop


def join(frames: Sequence[bytes], version: int, padding: int = 0) -> bytes:
    """A tag of this version around its frames."""
    size = size_field(sum(map(len, frames)) + padding, 4)
    return b"".join([b"ID3", bytes([version, 0, 0]), size, *frames, bytes(padding)])


def set_aside(content: bytes, version: int) -> bytes:
    """A private frame that keeps what cannot be a frame: players pass over it, and nothing is lost."""
    content = SET_ASIDE.encode() + b"\0" + content
    return b"PRIV" + size_field(len(content), version) + bytes(2) + content


def description(content: bytes) -> str | None:
    """The description of a TXXX frame; None where it cannot be read."""
    encoding, text = content[:1], content[1:]
    try:
        if encoding in (b"\x01", b"\x02"):
            stop = next((at for at in range(0, len(text) - 1, 2) if text[at : at + 2] == b"\0\0"), len(text))
            return text[:stop].decode("utf-16" if encoding == b"\x01" else "utf-16-be")
        return text.partition(b"\0")[0].decode("utf-8" if encoding == b"\x03" else "latin-1")
    except UnicodeDecodeError:
        return None


def is_plain_comment(content: bytes) -> bool:
    """Whether a COMM or USLT frame has no description: the comment that players show."""
    encoding, text = content[:1], content[4:]
    if encoding in (b"\x01", b"\x02"):
        return text.startswith((b"\xff\xfe\x00\x00", b"\xfe\xff\x00\x00", b"\x00\x00"))
    return text.startswith(b"\x00")


def size_field(size: int, version: int) -> bytes:
    """A size as a frame of this version states it; tags state theirs as version 2.4 does."""
    return size.to_bytes(4) if version == 3 else bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
