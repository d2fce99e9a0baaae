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
from mutagen.id3 import (
    COMM,
    ID3,
    TALB,
    TBPM,
    TCOM,
    TCON,
    TCOP,
    TDRC,
    TIT1,
    TIT2,
    TIT3,
    TKEY,
    TLAN,
    TMOO,
    TPE1,
    TPE2,
    TPOS,
    TPUB,
    TRCK,
    TSRC,
    TXXX,
    UFID,
    USLT,
    ID3NoHeaderError,
)
from mutagen.mp3 import MP3, HeaderNotFoundError

from media_service.core.errors import NotMp3
from media_service.core.ports import TagPlan
from media_service.core.text import LONG_TAGS, TAG_CHARACTERS, clean_line, clean_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

HEADER = 10
"""Bytes of a tag's and of a frame's header."""

ALIGNMENT = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""

SKETCHY_LIMIT = 8192
"""Bytes up to which mutagen's "sketchy" (fewer than four frames in a row) may simply be a short sound."""

_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{3}")
_TEXT_FRAMES: dict[str, Any] = {
    "title": TIT2,
    "artist": TPE1,
    "album": TALB,
    "genre": TCON,
    "album_artist": TPE2,
    "track": TRCK,
    "disc": TPOS,
    "composer": TCOM,
    "isrc": TSRC,
    "label": TPUB,
    "copyright": TCOP,
    "language": TLAN,
    "bpm": TBPM,
    "key": TKEY,
    "grouping": TIT1,
    "description": TIT3,
    "mood": TMOO,
}
_FRAME_NAMES = {"date": "TDRC"} | {key: frame.__name__ for key, frame in _TEXT_FRAMES.items()}
_DATES = {b"TDRC", b"TYER", b"TDAT", b"TIME"}

MOOD = "MOOD"
"""Version 2.3 has no frame for a mood; other programs write this text of their own."""

UPLOAD_OWNER = "urn:media-service:upload"
"""Whose identifier of the file the upload's id is."""

ID3V1 = 128
_ID3V1_FIELDS = {"title": (3, 30), "artist": (33, 30), "album": (63, 30), "date": (93, 4), "comment": (97, 28)}


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


def plan(
    path: Path,
    tags: Mapping[str, str],
    provenance: Mapping[str, str] | None = None,
    *,
    upload_id: str | None = None,
    version: int | None = None,
    opaque: bool = False,
    removed: Collection[str] = (),
) -> tuple[TagPlan, dict[str, str]]:
    """How to give the file these tags and take the `removed` ones, and the tags it will carry then.

    Without any it stays as it is.

    `provenance` are texts of our own by their names. `version` is 3 or 4, None to keep the one found. An `opaque` tag
    is not shown to mutagen: its frames are kept, and nothing of it is read.
    """
    found, old = _load(path, opaque=opaque)
    carried = {key: value for key, value in _read(old).items() if key not in removed} | dict(tags)
    if not tags and not provenance and not removed:
        return TagPlan(b"", 0), carried
    stands = found[3] if found[3:4] in (b"\x03", b"\x04") else None
    written = version or stands or 3
    ours = _Ours(tags, provenance or {}, upload_id, removed)
    kept = _foreign_frames(found, ours) if stands in (None, written) or opaque else None
    if opaque and stands is not None:
        written = stands
    frames, kept = (_rebuild(old, ours, written), b"") if kept is None else (_build(ours, written), kept)
    cut = len(found)
    body = frames + kept
    padding = (cut - HEADER - len(body)) % ALIGNMENT
    head = b"ID3" + bytes([written, 0, 0]) + _syncsafe(len(body) + padding) + body + bytes(padding)
    _check(frames, ours, written)
    return TagPlan(head, cut, _new_id3v1(path, dict.fromkeys(removed, "") | dict(tags))), carried


class _Ours:
    """The frames that we write: tags that were asked for, texts of our own, and the upload's id."""

    def __init__(
        self,
        tags: Mapping[str, str],
        provenance: Mapping[str, str],
        upload_id: str | None,
        removed: Collection[str] = (),
    ) -> None:
        self.tags = tags
        self.gone = frozenset(tags) | frozenset(removed)
        self.texts = dict(provenance)
        self.upload_id = upload_id

    def frames(self, version: int) -> list[Any]:
        """Built by mutagen."""
        # Version 2.3 knows Latin-1 and UTF-16 only; Explorer and car radios read nothing newer.
        encoding = 3 if version == 4 else 1
        tags, texts = self.tags, self.texts
        if version == 3 and "mood" in tags:
            texts = {**texts, MOOD: tags["mood"]}
        frames = [
            frame(encoding=encoding, text=tags[key])
            for key, frame in _TEXT_FRAMES.items()
            if key in tags and not (key == "mood" and version == 3)
        ]
        if "date" in tags:
            frames.append(TDRC(encoding=encoding, text=tags["date"]))
        if "comment" in tags:
            frames.append(COMM(encoding=encoding, lang="XXX", desc="", text=tags["comment"]))
        if "lyrics" in tags:
            frames.append(USLT(encoding=encoding, lang="XXX", desc="", text=tags["lyrics"]))
        frames += [TXXX(encoding=encoding, desc=name, text=text) for name, text in texts.items()]
        if self.upload_id is not None:
            frames.append(UFID(owner=UPLOAD_OWNER, data=self.upload_id.encode()))
        return frames

    def replaces(self, name: bytes, content: bytes) -> bool:
        """Whether this raw frame gives way to one of ours."""
        if name in _DATES:
            return "date" in self.gone
        if name == b"COMM":
            return "comment" in self.gone and _is_plain_comment(content)
        if name == b"USLT":
            return "lyrics" in self.gone and _is_plain_comment(content)
        if name == b"UFID":
            return self.upload_id is not None and content.startswith(UPLOAD_OWNER.encode() + b"\0")
        if name == b"TXXX":
            described = _description(content)
            return described in self.texts or (described == MOOD and "mood" in self.gone)
        return any(key in self.gone and frame.__name__.encode() == name for key, frame in _TEXT_FRAMES.items())


def _check(frames: bytes, ours: _Ours, version: int) -> None:
    """Reads back what was built: what a player will see is what was asked for. Raises NotMp3."""
    size = len(frames)
    read = ID3(io.BytesIO(b"ID3" + bytes([version, 0, 0]) + _syncsafe(size) + frames), translate=True)
    seen = _read(read)
    for key, text in ours.tags.items():
        # A genre's number is read as its name, and a date in version 2.3 may lose its month.
        if key not in ("genre", "date") and seen.get(key) != _shown(key, text):
            raise NotMp3(f"its {key} cannot be written as a tag")
    for name, text in ours.texts.items():
        if [str(frame) for frame in read.getall("TXXX:" + name)] != [text]:
            raise NotMp3(f"its {name} cannot be written as a tag")


def _new_id3v1(path: Path, tags: Mapping[str, str]) -> bytes:
    """The ID3v1 tag at the file's end with the new tags in it; nothing where there is none, or nothing to change."""
    if not tags:
        return b""
    with path.open("rb") as file:
        if file.seek(0, io.SEEK_END) < ID3V1:
            return b""
        file.seek(-ID3V1, io.SEEK_END)
        old = bytearray(file.read(ID3V1))
    if not old.startswith(b"TAG") or old.startswith(b"TAG+"):
        return b""
    for key, (at, size) in _ID3V1_FIELDS.items():
        if key in tags:
            old[at : at + size] = tags[key].encode("latin-1", "replace")[:size].ljust(size, b"\0")
    if (track := re.match(r"\d+", tags.get("track", ""))) and int(track[0]) < 256:
        old[125:127] = bytes([0, int(track[0])])
    return bytes(old)


def _load(path: Path, *, opaque: bool) -> tuple[bytes, ID3]:
    """The leading ID3v2 tag as bytes, empty where there is none, and as mutagen reads it unless it is opaque."""
    with path.open("rb") as file:
        head = file.read(HEADER)
        if len(head) < HEADER or not head.startswith(b"ID3") or max(head[6:]) > 0x7F:
            return b"", ID3()
        footer = HEADER if head[5] & 0x10 else 0
        found = head + file.read(_from_syncsafe(head[6:]) + footer)
    if opaque:
        return found, ID3()
    try:
        return found, ID3(io.BytesIO(found), translate=True)
    except (MutagenError, ID3NoHeaderError):
        return found, ID3()


def _read(old: ID3) -> dict[str, str]:
    """Our tags as the file carries them already, fit to be shown: a file is trusted no more than a client."""
    carried = {key: str(old[frame.__name__]) for key, frame in _TEXT_FRAMES.items() if frame.__name__ in old}
    if "TDRC" in old:
        carried["date"] = str(old["TDRC"])[:10]
    for mood in old.getall("TXXX:" + MOOD):
        carried.setdefault("mood", str(mood))
    for key, name in (("comment", "COMM"), ("lyrics", "USLT")):
        for comment in old.getall(name):
            if not comment.desc:
                carried[key] = str(comment)
    cleaned = {key: _shown(key, value) for key, value in carried.items()}
    return {key: value for key, value in cleaned.items() if value}


def _shown(key: str, value: str) -> str:
    """The tag as `clean_tags` would take it; several values of one frame, which a NUL divides, side by side."""
    clean = clean_lines if key in LONG_TAGS else clean_line
    return clean(value.replace("\0", " / ")[:TAG_CHARACTERS], key, TAG_CHARACTERS)


def _build(ours: _Ours, version: int) -> bytes:
    """Our frames as bytes."""
    return _rebuild(ID3(), ours, version)


def _rebuild(old: ID3, ours: _Ours, version: int) -> bytes:
    """A whole tag's frames by mutagen: for tags whose raw frames cannot be kept, such as version 2.2."""
    for key, name in (("comment", "COMM"), ("lyrics", "USLT")):
        if key in ours.gone:
            for plain in [frame for frame in old.getall(name) if not frame.desc]:
                del old[plain.HashKey]
    for key in ours.gone & _FRAME_NAMES.keys():
        old.delall(_FRAME_NAMES[key])
    if "mood" in ours.gone:
        old.delall("TXXX:" + MOOD)
    for frame in ours.frames(version):
        old.add(frame)
    if version == 3:
        old.update_to_v23()
    out = io.BytesIO()
    old.save(out, v1=0, v2_version=version, padding=lambda _: 0)
    return out.getvalue()[HEADER:]


def _foreign_frames(found: bytes, ours: _Ours) -> bytes | None:
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
    kept = []
    try:
        for name, raw in _walk(body, version):
            if not ours.replaces(name, raw[HEADER:]):
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


def _description(content: bytes) -> str | None:
    """The description of a TXXX frame; None where it cannot be read."""
    encoding, text = content[:1], content[1:]
    try:
        if encoding in (b"\x01", b"\x02"):
            stop = next((at for at in range(0, len(text) - 1, 2) if text[at : at + 2] == b"\0\0"), len(text))
            return text[:stop].decode("utf-16" if encoding == b"\x01" else "utf-16-be")
        return text.partition(b"\0")[0].decode("utf-8" if encoding == b"\x03" else "latin-1")
    except UnicodeDecodeError:
        return None


def _is_plain_comment(content: bytes) -> bool:
    """Whether a COMM or USLT frame has no description: the comment that players show."""
    encoding, text = content[:1], content[4:]
    if encoding in (b"\x01", b"\x02"):
        return text.startswith((b"\xff\xfe\x00\x00", b"\xfe\xff\x00\x00", b"\x00\x00"))
    return text.startswith(b"\x00")


def _syncsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _from_syncsafe(field: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(field, (21, 14, 7, 0), strict=True))
