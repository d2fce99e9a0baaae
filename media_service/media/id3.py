"""MP3 and ID3 through mutagen, which is imported here and nowhere else.

Runs in the child process of `worker.py` only: mutagen trusts what a file says of itself, and a hostile tag can cost it
minutes or gigabytes.

Frames that are not ours are kept byte for byte: mutagen builds our frames, and they are put before the raw ones.
Loading and saving a tag through mutagen would lose what it does not know.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from mutagen import MutagenError
from mutagen.id3 import COMM, ID3, TALB, TCON, TDRC, TIT2, TPE1, ID3NoHeaderError
from mutagen.mp3 import MP3, HeaderNotFoundError

from media_service.core.errors import NotMp3
from media_service.core.ports import TagPlan
from media_service.core.text import TAG_CHARACTERS, clean_line, clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HEADER = 10
"""Bytes of a tag's and of a frame's header."""

ALIGNMENT = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""

SKETCHY_LIMIT = 8192
"""Bytes up to which mutagen's "sketchy" (fewer than four frames in a row) may simply be a short sound."""

_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{3}")
_TEXT_FRAMES: dict[str, Any] = {"title": TIT2, "artist": TPE1, "album": TALB, "genre": TCON}
_REPLACES = {
    "title": {b"TIT2"},
    "artist": {b"TPE1"},
    "album": {b"TALB"},
    "date": {b"TDRC", b"TYER", b"TDAT", b"TIME"},
    "genre": {b"TCON"},
}


def measure(path: Path) -> dict[str, Any]:
    """Duration in seconds, bitrate in bit/s, sample rate in Hz and channels of an MP3 with at least one frame.

    Raises NotMp3.
    """
    try:
        info: Any = MP3(path).info
    except HeaderNotFoundError:
        raise NotMp3("it has no MPEG audio frame") from None
    except MutagenError as error:
        # mutagen wraps the operating system's errors too, and a bad disk says nothing about the file.
        # Its own "file too short" is an OSError as well, but one without a number.
        if isinstance(error.__context__, OSError) and error.__context__.errno:
            raise error.__context__ from None
        raise NotMp3("its structure cannot be read") from None
    if info.layer != 3:
        raise NotMp3(f"it is MPEG audio layer {info.layer}, not layer 3")
    if info.sketchy and path.stat().st_size > SKETCHY_LIMIT:
        raise NotMp3("what looks like a frame is followed by no other")
    if info.length <= 0:
        raise NotMp3("it has no sound in it")
    return {
        "duration": round(info.length, 3),
        "bitrate": info.bitrate,
        "sample_rate": info.sample_rate,
        "channels": info.channels,
    }


def plan(path: Path, tags: Mapping[str, str]) -> tuple[TagPlan, dict[str, str]]:
    """How to give the file these tags, and the tags it will carry then. Without tags it stays as it is."""
    found, old = _load(path)
    carried = _read(old) | dict(tags)
    if not tags:
        return TagPlan(b"", 0), carried
    version, cut = (found[3] if found[3:4] in (b"\x03", b"\x04") else 3), len(found)
    frames = _build(tags, version)
    kept = _foreign_frames(found, tags)
    if kept is None:
        frames, kept = _rebuild(old, tags, version), b""
    body = frames + kept
    padding = (cut - HEADER - len(body)) % ALIGNMENT
    head = b"ID3" + bytes([version, 0, 0]) + _syncsafe(len(body) + padding) + body + bytes(padding)
    return TagPlan(head, cut), carried


def _load(path: Path) -> tuple[bytes, ID3]:
    """The leading ID3v2 tag as bytes, empty where there is none, and as mutagen reads it."""
    with path.open("rb") as file:
        head = file.read(HEADER)
        if len(head) < HEADER or not head.startswith(b"ID3") or max(head[6:]) > 0x7F:
            return b"", ID3()
        footer = HEADER if head[5] & 0x10 else 0
        found = head + file.read(_from_syncsafe(head[6:]) + footer)
    try:
        return found, ID3(io.BytesIO(found), translate=True)
    except (MutagenError, ID3NoHeaderError):
        return found, ID3()


def _read(old: ID3) -> dict[str, str]:
    """Our tags as the file carries them already, fit to be shown: a file is trusted no more than a client."""
    carried = {key: str(old[frame.__name__]) for key, frame in _TEXT_FRAMES.items() if frame.__name__ in old}
    if "TDRC" in old:
        carried["date"] = str(old["TDRC"])[:10]
    for comment in old.getall("COMM"):
        if not comment.desc:
            carried["comment"] = str(comment)
    cleaned = {key: _shown(key, value) for key, value in carried.items()}
    return {key: value for key, value in cleaned.items() if value}


def _shown(key: str, value: str) -> str:
    """The tag as `clean_tags` would take it; several values of one frame, which a NUL divides, side by side."""
    clean = clean_lines if key == "comment" else clean_line
    return clean(value.replace("\0", " / ")[:TAG_CHARACTERS], key, TAG_CHARACTERS)


def _frames(tags: Mapping[str, str], version: int) -> list[Any]:
    # Version 2.3 knows Latin-1 and UTF-16 only; Explorer and car radios read nothing newer.
    encoding = 3 if version == 4 else 1
    frames = [frame(encoding=encoding, text=tags[key]) for key, frame in _TEXT_FRAMES.items() if key in tags]
    if "date" in tags:
        frames.append(TDRC(encoding=encoding, text=tags["date"]))
    if "comment" in tags:
        frames.append(COMM(encoding=encoding, lang="XXX", desc="", text=tags["comment"]))
    return frames


def _build(tags: Mapping[str, str], version: int) -> bytes:
    """Our frames as bytes."""
    return _rebuild(ID3(), tags, version)


def _rebuild(old: ID3, tags: Mapping[str, str], version: int) -> bytes:
    """A whole tag's frames by mutagen: for tags whose raw frames cannot be kept, such as version 2.2."""
    if "comment" in tags:
        for comment in old.getall("COMM"):
            if not comment.desc:
                del old[comment.HashKey]
    for frame in _frames(tags, version):
        old.add(frame)
    if version == 3:
        old.update_to_v23()
    out = io.BytesIO()
    old.save(out, v1=0, v2_version=version, padding=lambda _: 0)
    return out.getvalue()[HEADER:]


def _foreign_frames(found: bytes, tags: Mapping[str, str]) -> bytes | None:
    """The old tag's frames that ours do not replace, byte for byte; None where they cannot be told apart."""
    if not found:
        return b""
    version, flags = found[3], found[5]
    unsynchronised, extended = flags & 0x80, flags & 0x40
    # In version 2.4 each frame is unsynchronised by itself, and its size counts otherwise.
    if version not in (3, 4) or (version == 4 and unsynchronised):
        return None
    body = found[HEADER : HEADER + _from_syncsafe(found[6:HEADER])]
    if unsynchronised:
        body = body.replace(b"\xff\x00", b"\xff")
    if extended:
        size = body[:4]
        body = body[4 + int.from_bytes(size) if version == 3 else _from_syncsafe(size.rjust(4, b"\0")) :]
    replaced = set[bytes]().union(*(_REPLACES.get(key, set()) for key in tags))
    kept = []
    try:
        for name, raw in _walk(body, version):
            if name not in replaced and not (name == b"COMM" and "comment" in tags and _is_plain_comment(raw[HEADER:])):
                kept.append(raw)
    except ValueError:
        return None
    return b"".join(kept)


def _walk(body: bytes, version: int) -> Iterator[tuple[bytes, bytes]]:
    """Each frame's id, and the whole frame. Raises ValueError where no frame can be."""
    at = 0
    while at + HEADER <= len(body) and body[at]:
        name, field = body[at : at + 4], body[at + 4 : at + 8]
        # iTunes wrote plain sizes into version 2.4 tags; a byte over 0x7f cannot be syncsafe.
        plain = version == 3 or max(field) > 0x7F
        stop = at + HEADER + (int.from_bytes(field) if plain else _from_syncsafe(field))
        if not _FRAME_ID.fullmatch(name) or stop > len(body):
            raise ValueError(name)
        yield name, body[at:stop]
        at = stop
    if any(body[at:]):
        # Padding is zeros. Anything else means that a size was misread and a frame cut.
        raise ValueError(body[at : at + HEADER])


def _is_plain_comment(content: bytes) -> bool:
    """Whether a COMM frame has no description: the comment that players show."""
    encoding, text = content[:1], content[4:]
    if encoding in (b"\x01", b"\x02"):
        return text.startswith((b"\xff\xfe\x00\x00", b"\xfe\xff\x00\x00", b"\x00\x00"))
    return text.startswith(b"\x00")


def _syncsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _from_syncsafe(field: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(field, (21, 14, 7, 0), strict=True))
