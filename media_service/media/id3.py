"""MP3 and ID3 through mutagen, which is imported here and nowhere else.

Runs in the child process of `worker.py` only: mutagen trusts what a file says of itself, and a hostile tag can cost it
minutes or gigabytes.

Frames that are not ours are kept byte for byte: mutagen builds our frames, and they are put before the raw ones.
Loading and saving a tag through mutagen would lose what it does not know.
"""

from __future__ import annotations

import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

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
    Frames_2_2,
    ID3NoHeaderError,
    ParseID3v1,
)
from mutagen.mp3 import MP3, HeaderNotFoundError

from media_service.core.errors import NotMp3
from media_service.core.ports import TagPlan
from media_service.core.text import LONG_TAGS, TAG_CHARACTERS, clean_line, clean_lines
from media_service.media import raw
from media_service.media.around import ID3V1, TAG_LOOK, peel_tags, tag_at
from media_service.media.raw import HEADER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

ALIGNMENT = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""

SKETCHY_LIMIT = 8192
"""Bytes up to which mutagen's "sketchy" (fewer than four frames in a row) may simply be a short sound."""

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
    guesses: Mapping[str, str] | None = None,
    sound: Sequence[int] | None = None,
    removed: Collection[str] = (),
) -> tuple[TagPlan, dict[str, str]]:
    """How to give the file these tags and take the `removed` ones, and the tags it will carry then.

    Without any it stays as it is.

    `provenance` are texts of our own by their names. `version` is 3 or 4, None to keep the one found. An `opaque` tag
    is not shown to mutagen: its frames are kept, and nothing of it is read. `guesses` fill what is missing, and so does
    an ID3v1 tag where it stands alone: players that see ours would show nothing of it any more. `sound` is where the
    frames begin and end; junk before and behind them is left out, since players take it for another kind of file, or
    for broken frames.
    """
    with path.open("rb") as file:
        found, id3v1 = raw.leading_tags(file), _id3v1(file)
        cut = _before_sound(file, sum(map(len, found)), sound)
        behind = _behind_sound(file, sound)
    old = _load(found[0]) if found and not opaque else ID3()
    alone = _frames_of_id3v1(id3v1) if not found else []
    carried = {key: text for key, text in (_read(old) or _read(_together(alone))).items() if key not in removed}
    fills = {key: text for key, text in (guesses or {}).items() if key not in carried}
    carried |= fills | dict(tags)
    if not tags and not provenance and not removed:
        return TagPlan(b"", 0), carried
    stands = found[0][3] if found and found[0][3] in (3, 4) else None
    written = (stands if opaque else None) or version or stands or 3
    ours = _Ours(fills | dict(tags), provenance or {}, upload_id, alone, removed)
    body = _build(old if found and found[0][3] == 2 else ID3(), ours, written)
    _check(body, ours, written)
    parts = [body, *_kept(found, ours, written, opaque=opaque)]
    padding = (cut - HEADER - sum(map(len, parts))) % ALIGNMENT
    tail, length = _new_id3v1(id3v1, dict.fromkeys(removed, "") | dict(tags)), None
    if behind is not None and sound is not None:
        tail = behind[: len(behind) - len(tail)] + tail
        length = sound[1] + len(tail)
    return TagPlan(raw.join(parts, written, padding), cut, tail, length), carried


def _before_sound(file: BinaryIO, stop: int, sound: Sequence[int] | None) -> int:
    """Where our tag ends: behind the tags found, and behind the junk between them and the first frame."""
    if sound is None or sound[0] <= stop:
        return stop
    file.seek(stop)
    return stop if tag_at(file.read(TAG_LOOK), 0) is not None else sound[0]


def _behind_sound(file: BinaryIO, sound: Sequence[int] | None) -> bytes | None:
    """The tags behind the last frame, without the junk among them; None where there is no junk, or more than a tag."""
    if sound is None or file.seek(0, io.SEEK_END) - sound[1] > raw.TAG_LIMIT:
        return None
    file.seek(sound[1])
    rest, at = file.read(), 0
    while (found := tag_at(rest, at)) is not None and at + found[1] <= len(rest):
        at += found[1]
    stop, _ = peel_tags(rest, at)
    return rest[:at] + rest[stop:] if stop > at else None


def _kept(found: Sequence[bytes], ours: _Ours, version: int, *, opaque: bool) -> list[bytes]:
    """The frames of the old tags that ours do not replace, in their order; a text that several tags have, once.

    What cannot be taken apart is set aside as a whole.
    """
    kept: list[bytes] = []
    named: set[bytes] = set()
    for number, tag in enumerate(found):
        first, strange, before = number == 0, [], set(kept)
        try:
            if tag[3] == 2 and first and not opaque:
                kept += _unknown_to_mutagen(tag, version)
                continue
            frames = list(islice(raw.frames(tag), raw.FRAMES + 1))
            if len(frames) > raw.FRAMES:
                raise ValueError(len(frames))
        except ValueError:
            kept.append(raw.set_aside(tag, version))
            continue
        for frame in frames:
            again = not first and frame.name in named
            if ours.replaces(frame) or again:
                continue
            same = frame.as_version(version)
            if same is None:
                strange.append(frame.raw)
            elif same not in before:
                kept.append(same)
        named |= {frame.name for frame in frames if frame.name.startswith(b"T") and frame.name != b"TXXX"}
        if strange:
            kept.append(_translated(b"".join(strange), tag[3], version, opaque=opaque))
    return kept


def _translated(frames: bytes, old: int, new: int, *, opaque: bool) -> bytes:
    """Frames that the two versions write otherwise, by mutagen where it may see them."""
    if opaque:
        return raw.set_aside(raw.join([frames], old), new)
    return _build(_load(raw.join([frames], old)), None, new)


def _unknown_to_mutagen(tag: bytes, version: int) -> list[bytes]:
    """What mutagen leaves out of a tag of version 2.2, set aside. Raises ValueError."""
    unknown = [whole for name, whole in raw.small_frames(tag) if name.decode() not in Frames_2_2]
    return [raw.set_aside(b"".join(unknown), version)] if unknown else []


class _Ours:
    """The frames that we write: tags that were asked for, texts of our own, the upload's id, and an ID3v1 tag's."""

    def __init__(
        self,
        tags: Mapping[str, str],
        provenance: Mapping[str, str],
        upload_id: str | None,
        alone: Sequence[Any] = (),
        removed: Collection[str] = (),
    ) -> None:
        self.tags = tags
        self.gone = frozenset(tags) | frozenset(removed)
        self._alone = alone
        self.texts = dict(provenance)
        self.upload_id = upload_id

    def frames(self, version: int) -> list[Any]:
        """Built by mutagen."""
        # Version 2.3 knows Latin-1 and UTF-16 only; Explorer and car radios read nothing newer.
        encoding = 3 if version == 4 else 1
        tags, texts = self.tags, self.texts
        if version == 3 and "mood" in tags:
            texts = {**texts, MOOD: tags["mood"]}
        frames = [frame for frame in self._alone if not self.replaces(_empty(frame.FrameID))]
        frames += [
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

    def replaces(self, frame: raw.Frame) -> bool:
        """Whether this raw frame gives way to one of ours."""
        name = frame.name
        if name in _DATES:
            return "date" in self.gone
        if name == b"COMM":
            return "comment" in self.gone and raw.is_plain_comment(frame.content)
        if name == b"USLT":
            return "lyrics" in self.gone and raw.is_plain_comment(frame.content)
        if name == b"UFID":
            return self.upload_id is not None and frame.content.startswith(UPLOAD_OWNER.encode() + b"\0")
        if name == b"TXXX":
            described = raw.description(frame.content)
            return described in self.texts or (described == MOOD and "mood" in self.gone)
        return any(key in self.gone and kind.__name__.encode() == name for key, kind in _TEXT_FRAMES.items())


def _empty(name: str) -> raw.Frame:
    """A plain frame of this id."""
    return raw.Frame(4, name.encode(), bytes(raw.HEADER + 5))


def _check(frames: bytes, ours: _Ours, version: int) -> None:
    """Reads back what was built: what a player will see is what was asked for. Raises NotMp3."""
    read = _load(raw.join([frames], version))
    seen = _read(read)
    for key, text in ours.tags.items():
        # A genre's number is read as its name, and a date in version 2.3 may lose its month.
        if key not in ("genre", "date") and seen.get(key) != _shown(key, text):
            raise NotMp3(f"its {key} cannot be written as a tag")
    for name, text in ours.texts.items():
        if [str(frame) for frame in read.getall("TXXX:" + name)] != [text]:
            raise NotMp3(f"its {name} cannot be written as a tag")


def _new_id3v1(found: bytes, tags: Mapping[str, str]) -> bytes:
    """The ID3v1 tag at the file's end with the new tags in it; nothing where there is none, or nothing to change."""
    if not tags or not found:
        return b""
    old = bytearray(found)
    for key, (at, size) in _ID3V1_FIELDS.items():
        if key in tags:
            old[at : at + size] = tags[key].encode("latin-1", "replace")[:size].ljust(size, b"\0")
    if (track := re.match(r"\d+", tags.get("track", ""))) and int(track[0]) < 256:
        old[125:127] = bytes([0, int(track[0])])
    return bytes(old)


def _id3v1(file: BinaryIO) -> bytes:
    """The ID3v1 tag at the file's end; nothing where there is none."""
    if file.seek(0, io.SEEK_END) < ID3V1:
        return b""
    file.seek(-ID3V1, io.SEEK_END)
    found = file.read(ID3V1)
    return found if found.startswith(b"TAG") and not found.startswith(b"TAG+") else b""


def _frames_of_id3v1(found: bytes) -> list[Any]:
    """Its texts as frames that are labelled Latin-1 as they were, so that their bytes stay what they are."""
    read = ParseID3v1(found) if found else None
    frames: list[Any] = list((read or {}).values())
    for frame in frames:
        if frame.FrameID == "COMM":
            frame.desc = ""
    return frames


def _together(frames: Sequence[Any]) -> ID3:
    tag = ID3()
    for frame in frames:
        tag.add(frame)
    return tag


def _load(tag: bytes) -> ID3:
    """A tag as mutagen reads it, as version 2.4 has it; an empty one where it cannot."""
    try:
        return ID3(io.BytesIO(tag), translate=True)
    except (MutagenError, ID3NoHeaderError):
        return ID3()


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


def _build(old: ID3, ours: _Ours | None, version: int) -> bytes:
    """The frames of a tag as mutagen writes them, ours among them."""
    if ours is not None:
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
