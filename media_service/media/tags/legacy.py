"""What tags of other kinds say, as frames of ID3v2. Runs in the child process only: mutagen builds them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from media_service.core.tags import TAG_CHARACTERS
from media_service.media.images import picture_type
from media_service.media.tags import ape, mutagen_adapter
from media_service.media.tags.new_frames import LONG_FRAMES, TEXT_FRAMES
from media_service.media.tags.read_cost import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

_APE_NAMES = {"year": "date", "album artist": "album_artist", "publisher": "label"}
"""Our names of what an APE tag calls otherwise."""

_LYRICS = re.compile(rb"LYRICSBEGIN(.*)(?:LYRICSEND|\d{6}LYRICS200)", re.DOTALL)


def frames_of(kind: str, tag: bytes) -> Iterator[Any]:
    """Frames that say what this tag says, as far as ID3v2 has a place for it."""
    if kind == "lyrics3":
        yield from _of_lyrics3(tag)
    elif kind == "ape":
        yield from _of_ape(tag)


def _of_lyrics3(tag: bytes) -> Iterator[Any]:
    found = _LYRICS.fullmatch(tag)
    if found is None:
        return
    words = found[1] if tag.endswith(b"LYRICSEND") else _field(found[1], b"LYR")
    words = words.rstrip(b"\0\r\n").replace(b"\r\n", b"\n")
    if words and len(words) < TEXT:
        # Labelled Latin-1, as they were, so that their bytes stay what they are.
        yield mutagen_adapter.make("USLT", encoding=0, lang="XXX", desc="", text=words.decode("latin-1"))


def _field(fields: bytes, name: bytes) -> bytes:
    """A field of the second version: each has a name of three letters and a size of five digits."""
    at = 0
    while size := re.match(rb"[A-Z0-9]{3}(\d{5})", fields[at : at + 8]):
        stop = at + 8 + int(size[1])
        if fields[at : at + 3] == name:
            return fields[at + 8 : stop]
        at = stop
    return b""


def _of_ape(tag: bytes) -> Iterator[Any]:
    for key, text in ape.texts(tag):
        named = _APE_NAMES.get(key.lower(), key.lower().replace(" ", "_"))
        if len(text) > TAG_CHARACTERS:
            continue
        if named in TEXT_FRAMES:
            yield mutagen_adapter.make(TEXT_FRAMES[named], encoding=1, text=text)
        elif named in LONG_FRAMES:
            yield mutagen_adapter.make(LONG_FRAMES[named], encoding=1, lang="XXX", desc="", text=text)
        else:
            yield mutagen_adapter.make("TXXX", encoding=1, desc=key, text=text)
    picture = ape.front_cover(tag)
    if picture and (kind := picture_type(picture)):
        yield mutagen_adapter.make("APIC", encoding=0, mime=kind, type=3, desc="", data=picture)
