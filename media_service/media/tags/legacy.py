"""Convert Lyrics3 and APE tags to ID3v2 frames. Runs in tag workers only: mutagen builds the frames."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from media_service.core.limits import TAG_CHARACTERS
from media_service.media.images import image_type
from media_service.media.tags import ape, mutagen_adapter
from media_service.media.tags.new_frames import LANGUAGE_FRAMES, TEXT_FRAMES
from media_service.media.tags.read_cost import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_APE_KEYS = {"year": "date", "album artist": "album_artist", "publisher": "label"}
"""Names of tags for APE keys that differ."""

_LYRICS3 = re.compile(rb"LYRICSBEGIN(.*)(?:LYRICSEND|\d{6}LYRICS200)", re.DOTALL)


def convert_to_frames(kind: str, tag: bytes) -> Iterator[Any]:
    """Yield the frames for those contents of the tag that ID3v2 can hold."""
    if kind == "lyrics3":
        yield from _frames_from_lyrics3(tag)
    elif kind == "ape":
        yield from _frames_from_ape(tag)


def _frames_from_lyrics3(tag: bytes) -> Iterator[Any]:
    match = _LYRICS3.fullmatch(tag)
    if match is None:
        return
    lyrics = match[1] if tag.endswith(b"LYRICSEND") else _lyrics3_field(match[1], b"LYR")
    lyrics = lyrics.rstrip(b"\0\r\n").replace(b"\r\n", b"\n")
    if lyrics and len(lyrics) < MAX_TEXT_BYTES:
        # Kept as Latin-1, so that the bytes do not change.
        yield mutagen_adapter.make_frame("USLT", encoding=0, lang="XXX", desc="", text=lyrics.decode("latin-1"))


def _lyrics3_field(fields: bytes, name: bytes) -> bytes:
    """Return a field of Lyrics3v2: an id of three letters, a size of five digits, the content."""
    offset = 0
    while size := re.match(rb"[A-Z0-9]{3}(\d{5})", fields[offset : offset + 8]):
        stop = offset + 8 + int(size[1])
        if fields[offset : offset + 3] == name:
            return fields[offset + 8 : stop]
        offset = stop
    return b""


def _frames_from_ape(tag: bytes) -> Iterator[Any]:
    for key, text in ape.read_texts(tag):
        tag_name = _APE_KEYS.get(key.lower(), key.lower().replace(" ", "_"))
        if len(text) > TAG_CHARACTERS:
            continue
        if tag_name in TEXT_FRAMES:
            yield mutagen_adapter.make_frame(TEXT_FRAMES[tag_name], encoding=1, text=text)
        elif tag_name in LANGUAGE_FRAMES:
            yield mutagen_adapter.make_frame(LANGUAGE_FRAMES[tag_name], encoding=1, lang="XXX", desc="", text=text)
        else:
            yield mutagen_adapter.make_frame("TXXX", encoding=1, desc=key, text=text)
    picture = ape.front_cover(tag)
    if picture and (kind := image_type(picture)):
        yield mutagen_adapter.make_frame("APIC", encoding=0, mime=kind, type=3, desc="", data=picture)
