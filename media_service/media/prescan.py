"""A bounded look into an ID3v2 tag before mutagen may see it.

mutagen trusts what a tag says: a megabyte of zeros in a text costs it 15 seconds, 64 KiB of compressed zeros two
gigabytes. Here every size is bounded before it is followed. A tag that is too much is opaque: kept, and read by nobody.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from os import SEEK_END
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.around import ID3V1, syncsafe
from media_service.media.mpeg import ANY_LAYER_3, HEADER, parse_header
from media_service.media.raw import sizes_are_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from media_service.core.verdict import Finding, Policy

TAG_HEADER = 10
FRAMES = 1000
"""Frames of a tag that are read."""

COVERS = 64
"""Pictures of a tag that are read: mutagen compares each with all others."""

TEXT = 64 * 1024
"""Bytes of one text."""

LATIN = 4096
"""Bytes of a text whose encoding is guessed."""

UNFOLDED = 16 * 1024 * 1024
"""Bytes to which all compressed frames of a tag may unfold."""

TEXTS = 1024 * 1024
"""Bytes of all texts."""

NESTING = 2
"""Chapters within chapters."""

_ID = {2: re.compile(rb"[A-Z][A-Z0-9]{2}"), 3: re.compile(rb"[A-Z][A-Z0-9]{3}"), 4: re.compile(rb"[A-Z][A-Z0-9]{3}")}
_TEXTS = (b"T", b"W", b"COM", b"USLT", b"ULT", b"IPL")
_LATIN_1 = b"\0"
_SHOWN = {
    b"TIT2": "title",
    b"TPE1": "artist",
    b"TALB": "album",
    b"TT2": "title",
    b"TP1": "artist",
    b"TAL": "album",
}


@dataclass(slots=True)
class Scan:
    """What a look into a tag found. `opaque`: mutagen must not see it. `milliseconds` is what TLEN says.

    `latin` are the bytes of texts that claim to be Latin-1, by the name of our tag.
    """

    findings: list[Finding] = field(default_factory=list)
    opaque: bool = False
    milliseconds: int | None = None
    latin: dict[str, bytes] = field(default_factory=dict)
    pictures: list[tuple[int, bytes, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Frame:
    name: bytes
    flags: int
    content: bytes
    version: int
    at: int


@dataclass(slots=True)
class _Counts:
    frames: int = 0
    covers: int = 0
    unfolded: int = 0
    texts: int = 0


class _TooMuch(Exception):
    """The tag is opaque, for the reason of this code."""

    def __init__(self, code: str, offset: int, expected: int | str, actual: int | str | None) -> None:
        self.code, self.offset, self.expected, self.actual = code, offset, expected, actual


def scan(tag: bytes, policy: Policy, cover_limit: int, cover_pixels: int, sound: int | None = None) -> Scan:
    """Looks at the whole leading tag. Takes a time that is bounded by its size, and as much memory again.

    `sound` is where in the file the first frame was found: frames inside the tag that lead to it were covered by it.
    """
    seen = Scan()
    if len(tag) < TAG_HEADER:
        return seen
    version, flags = tag[3], tag[5]
    if version not in _ID:
        seen.opaque = True
        seen.findings.append(policy.finding("id3_unsupported", offset=0, expected="2.2 to 2.4", actual=f"2.{version}"))
        return seen
    body = tag[TAG_HEADER : TAG_HEADER + syncsafe(tag[6:TAG_HEADER])]
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\x00", b"\xff")
    del tag
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
            seen.findings += _cover(name, picture, TAG_HEADER + at, policy, (cover_limit, cover_pixels))
    except _TooMuch as much:
        seen.opaque = True
        seen.findings.append(
            policy.finding(much.code, offset=TAG_HEADER + much.offset, expected=much.expected, actual=much.actual)
        )
    return seen


def _extended(body: bytes, version: int) -> int:
    """Bytes of the extended header."""
    size = body[:4]
    return min(len(body), 4 + int.from_bytes(size) if version == 3 else syncsafe(size))


def _frames(body: bytes, at: int, version: int, sound: int | None = None) -> Iterator[tuple[bytes, int, bytes, int]]:
    """Each frame's id, flags, content, and where it ends. Raises _TooMuch where no frame can be."""
    width = 6 if version == 2 else TAG_HEADER
    plain = version < 4 or sizes_are_plain(body, at)
    while at + width <= len(body) and body[at]:
        name = body[at : at + (3 if version == 2 else 4)]
        field_ = body[at + len(name) : at + 2 * len(name)]
        size = int.from_bytes(field_) if plain else syncsafe(field_)
        if not _ID[version].fullmatch(name) or at + width + size > len(body):
            _check_audio(body, at, sound)
            raise _TooMuch("id3_malformed", at, "a frame", name.decode("latin-1"))
        flags = 0 if version == 2 else int.from_bytes(body[at + 8 : at + 10])
        stop = at + width + size
        yield name, flags, body[at + width : stop], stop
        at = stop


def _look_behind(body: bytes, at: int, sound: int | None) -> None:
    """Padding is zeros. Anything else is a lie about a size, or sound."""
    rest = body[at:]
    if rest.count(0) == len(rest):
        return
    _check_audio(body, at, sound)
    raise _TooMuch("id3_malformed", at, "zeros", "other bytes")


def _check_audio(body: bytes, at: int, sound: int | None) -> None:
    """Raises _TooMuch where frames of sound follow each other inside the tag, or lead out of it to the first one."""
    for tried, match in enumerate(ANY_LAYER_3.finditer(body, at)):
        place, count, first = match.start(), 0, None
        while (header := parse_header(body[place : place + HEADER])) is not None and count < 8:
            first = first or header
            if header.format != first.format:
                break
            count += 1
            place += header.length
        if count >= 8 or (count and place == sound):
            raise _TooMuch("id3_overlaps_audio", match.start(), "a tag", "frames of sound")
        if tried > 100_000:
            return


def _look(seen: Scan, counts: _Counts, frame: _Frame) -> None:
    """One frame. Raises _TooMuch."""
    name, content, at = frame.name, frame.content, frame.at
    counts.frames += 1
    if counts.frames > FRAMES:
        raise _TooMuch("id3_too_many_frames", at, FRAMES, counts.frames)
    content = _unfold(counts, frame)
    if name in (b"CHAP", b"CTOC"):
        _look_into_chapter(counts, content, frame.version, at, 1)
    _weigh(counts, name, content, at)
    if name in (b"APIC", b"PIC"):
        counts.covers += 1
        if counts.covers > COVERS:
            raise _TooMuch("id3_too_many_frames", at, COVERS, counts.covers)
        seen.pictures.append((at, name, content))
    if name == b"TLEN" and (digits := re.fullmatch(rb"[\x00\x03](\d{1,10})\x00?", content)):
        seen.milliseconds = int(digits[1])
    if name in _SHOWN and content[:1] == _LATIN_1 and len(content) <= LATIN:
        seen.latin.setdefault(_SHOWN[name], content[1:].rstrip(b"\0"))


def _weigh(counts: _Counts, name: bytes, content: bytes, at: int) -> None:
    """Raises _TooMuch for a text that is too long, or one too many of them."""
    if not name.startswith(_TEXTS):
        return
    counts.texts += len(content)
    if len(content) > TEXT:
        raise _TooMuch("tag_value_too_long", at, TEXT, len(content))
    if counts.texts > TEXTS:
        raise _TooMuch("tag_value_too_long", at, TEXTS, counts.texts)


def _unfold(counts: _Counts, frame: _Frame) -> bytes:
    """The content of a compressed frame, as far as a tag may unfold; that of any other as it is."""
    content, flags, version, at = frame.content, frame.flags, frame.version, frame.at
    compressed, encrypted = (flags & 0x80, flags & 0x40) if version == 3 else (flags & 0x08, flags & 0x04)
    if version == 2 or not compressed:
        return content
    if encrypted:
        raise _TooMuch("id3_unsupported", at, "no encryption", "an encrypted frame")
    if version == 4 and flags & 0x02:
        content = content.replace(b"\xff\x00", b"\xff")
    skip = 4 if version == 3 or flags & 0x01 else 0
    unfolder = zlib.decompressobj()
    try:
        unfolded = unfolder.decompress(content[skip:], UNFOLDED - counts.unfolded + 1)
    except zlib.error:
        raise _TooMuch("id3_malformed", at, "compressed bytes", "others") from None
    counts.unfolded += len(unfolded)
    if counts.unfolded > UNFOLDED:
        raise _TooMuch("id3_bomb", at, UNFOLDED, f"more than {UNFOLDED}")
    return unfolded


def _look_into_chapter(counts: _Counts, content: bytes, version: int, at: int, depth: int) -> None:
    """Chapters hold frames, and those may be chapters. Raises _TooMuch."""
    if depth > NESTING:
        raise _TooMuch("id3_malformed", at, NESTING, depth)
    start = content.find(b"\0") + 17
    for name, flags, folded, _stop in _frames(content, min(max(start, 17), len(content)), version):
        counts.frames += 1
        if counts.frames > FRAMES:
            raise _TooMuch("id3_too_many_frames", at, FRAMES, counts.frames)
        inner = _unfold(counts, _Frame(name, flags, folded, version, at))
        if name in (b"CHAP", b"CTOC"):
            _look_into_chapter(counts, inner, version, at, depth + 1)
        _weigh(counts, name, inner, at)


def id3v1_texts(file: BinaryIO) -> dict[str, bytes]:
    """The bytes of the texts in an ID3v1 tag at the file's end, where there is one, by the name of our tag."""
    if file.seek(0, SEEK_END) < ID3V1:
        return {}
    file.seek(-ID3V1, SEEK_END)
    tag = file.read(ID3V1)
    if not tag.startswith(b"TAG"):
        return {}
    texts = {"title": tag[3:33], "artist": tag[33:63], "album": tag[63:93]}
    return {key: raw.partition(b"\0")[0].rstrip(b" ") for key, raw in texts.items() if raw.strip(b"\0 ")}


PICTURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


def picture_type(picture: bytes) -> str | None:
    """The media type by the picture's own bytes; None for what is no picture that is shown."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in PICTURES if picture.startswith(magic)), None)


def picture_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, where the picture tells them."""
    kind = picture_type(picture)
    if kind == "image/png" and len(picture) >= 24:
        return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    if kind == "image/gif" and len(picture) >= 10:
        return int.from_bytes(picture[6:8], "little"), int.from_bytes(picture[8:10], "little")
    if kind == "image/webp":
        return _webp_size(picture)
    return _jpeg_size(picture) if kind == "image/jpeg" else None


def _webp_size(picture: bytes) -> tuple[int, int] | None:
    if picture[12:16] == b"VP8X" and len(picture) >= 30:
        return 1 + int.from_bytes(picture[24:27], "little"), 1 + int.from_bytes(picture[27:30], "little")
    if picture[12:16] == b"VP8 " and len(picture) >= 30:
        return int.from_bytes(picture[26:28], "little") & 0x3FFF, int.from_bytes(picture[28:30], "little") & 0x3FFF
    if picture[12:16] == b"VP8L" and len(picture) >= 25:
        bits = int.from_bytes(picture[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _jpeg_size(picture: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(picture) and picture[at] == 0xFF:
        marker = picture[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(picture[at + 7 : at + 9]), int.from_bytes(picture[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + max(2, int.from_bytes(picture[at + 2 : at + 4]))
    return None


def _cover(name: bytes, content: bytes, at: int, policy: Policy, most: tuple[int, int]) -> list[Finding]:
    """What is wrong with a picture; `most` are the bytes and pixels it may have."""
    limit, pixels = most
    if name == b"PIC":
        stated = {b"JPG": b"image/jpeg", b"PNG": b"image/png"}.get(content[1:4].upper(), content[1:4])
        rest = content[4:]
    else:
        stated, _, rest = content[1:].partition(b"\0")
    if stated.strip() == b"-->":
        return [policy.finding("cover_not_image", offset=at, expected="a picture", actual="a link")]
    wide = content[:1] in (b"\1", b"\2")
    picture = _after_text(rest[1:], wide=wide)
    kind = picture_type(picture)
    if kind is None:
        return [policy.finding("cover_not_image", offset=at, expected="a picture", actual=_shown(stated))]
    findings = []
    lower = stated.lower().replace(b"image/jpg", b"image/jpeg")
    if lower not in (kind.encode(), kind.removeprefix("image/").encode(), b"image/", b""):
        findings.append(policy.finding("cover_mime_mismatch", offset=at, expected=kind, actual=_shown(stated)))
    size = max(picture_size(picture) or (0,))
    if len(picture) > limit:
        findings.append(policy.finding("cover_too_large", offset=at, expected=limit, actual=len(picture)))
    elif size > pixels:
        findings.append(policy.finding("cover_too_large", offset=at, expected=pixels, actual=size))
    return findings


def _after_text(content: bytes, *, wide: bool) -> bytes:
    """What stands behind a text and its end."""
    if not wide:
        return content.partition(b"\0")[2]
    at = content.find(b"\0\0")
    while at >= 0 and at % 2:
        at = content.find(b"\0\0", at + 1)
    return content[at + 2 :] if at >= 0 else b""


def _shown(stated: bytes) -> str:
    return stated[:40].decode("latin-1")


CANDIDATES = (("cp949", "euc_kr"), ("shift_jis", "shift_jis"), ("gbk", "gb2312"))
"""Encodings of two bytes a letter, each with the one that has only its everyday letters."""


def offered(texts: Mapping[str, bytes]) -> tuple[str | None, dict[str, str]]:
    """The encoding that these texts are likely in, and those of them that read otherwise in it."""
    encoding = likely_encoding(list(texts.values()))
    if encoding is None:
        return None, {}
    read = {key: _decoded(raw, encoding) for key, raw in texts.items() if not raw.isascii()}
    return encoding, {key: text for key, text in read.items() if text}


def likely_encoding(texts: list[bytes]) -> str | None:
    """The encoding in which texts that claim to be Latin-1 make sense, where it is plainly another one.

    Latin-1 has few letters beyond ASCII beside each other; text of two bytes a letter has little else.
    """
    joined = b"\n".join(texts)
    high = sum(byte >= 0x80 for byte in joined)
    if high < 4 or not re.search(rb"[\x80-\xff]{3}", joined):
        return None
    if _decoded(joined, "utf-8") is not None:
        return "utf-8"
    runs = re.findall(rb"[\x80-\xff][\x40-\x7e\x80-\xff]", joined)
    if len(runs) * 2 < high * 0.9 or not re.search(rb"[\x80-\xff][\x40-\x7e\x80-\xff]{3}", joined):
        return None
    scores = [(_plausible(joined, name, usual), -order, name) for order, (name, usual) in enumerate(CANDIDATES)]
    best = max(scores)
    return best[2] if best[0] > 0.7 else None


def _decoded(text: bytes, name: str) -> str | None:
    try:
        return text.decode(name)
    except UnicodeDecodeError:
        return None


def _plausible(raw: bytes, name: str, usual: str) -> float:
    """The share of letters beyond ASCII that people of this encoding write every day."""
    text = _decoded(raw, name)
    letters = [char for char in text or "" if ord(char) >= 0x80]
    if not letters:
        return 0.0
    # Python's EUC-KR writes the rarer syllables with eight bytes.
    known = [ord(char) for char in letters if 0 < len(char.encode(usual, "ignore")) <= 2]
    if name == "cp949":
        good = sum(0xAC00 <= code < 0xD7A4 for code in known)
    elif name == "shift_jis":
        kana = sum(0x3040 <= code < 0x3100 for code in known)
        good = kana + sum(0x4E00 <= code < 0xA000 for code in known) if kana else 0
    else:
        good = sum(0x4E00 <= code < 0xA000 for code in known)
    return good / len(letters)
