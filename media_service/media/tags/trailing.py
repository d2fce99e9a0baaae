"""The tags behind the sound: which may stay there, and which go to the front, since players stumble over them.

ffmpeg knows an ID3v1 tag and the beginning of an APE tag; whatever else is no frame is a broken one to it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.mpeg.header import ANY_FRAME
from media_service.media.signatures import ID3V1, peel_tags, tag_at
from media_service.media.tags import ape
from media_service.media.tags.id3v2 import TAG_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK = 1024 * 1024
"""Bytes of a file's end in which tags are looked for where nobody knows where its sound ends."""


@dataclass(frozen=True, slots=True)
class Behind:
    """Tags by their kinds, from `start` on; `size` bytes are there, junk counted.

    `replaced`: what was taken out of APE tags that stay, each a tag of its own.
    """

    start: int
    size: int
    tags: tuple[tuple[str, bytes], ...]
    replaced: tuple[bytes, ...] = ()

    @property
    def staying(self) -> bytes:
        """What players pass over where it is."""
        return b"".join(tag for kind, tag in self.tags if not _disturbs(kind, tag))

    @property
    def moved(self) -> list[tuple[str, bytes]]:
        """The others."""
        return [(kind, tag) for kind, tag in self.tags if _disturbs(kind, tag)]

    @property
    def appended(self) -> list[bytes]:
        """Those of them that are tags of ID3v2."""
        return [tag for kind, tag in self.moved if kind == "id3v2" and tag.startswith(b"ID3")]

    @property
    def strange(self) -> list[tuple[str, bytes]]:
        """Those of them that are none, and what was taken out of APE tags."""
        others = [(kind, tag) for kind, tag in self.moved if tag not in self.appended]
        return [*others, *(("ape", tag) for tag in self.replaced)]

    @property
    def id3v1(self) -> bytes:
        """The ID3v1 tag with which the file will end; nothing where it will not."""
        kind, tag = self.tags[-1] if self.tags else ("", b"")
        return tag if kind == "id3v1" else b""

    def without_ape(self, first: bytes = b"") -> Behind:
        """Return the tags with what the APE tags say taken out of them; `first` is one that stands before the sound.

        Players that read an APE tag, such as MPD, read no other: what is written in front would never be shown.
        """
        tags, replaced = [], [first] if first else []
        for kind, tag in self.tags:
            said, gain = ape.split(tag) if kind == "ape" and not _disturbs(kind, tag) else (b"", tag)
            if said and gain and _disturbs(kind, gain):
                said, gain = tag, b""
            tags += [(kind, gain)] if gain else []
            replaced += [said] if said else []
        return replace(self, tags=tuple(tags), replaced=tuple(replaced))


def tags_behind(file: BinaryIO, start: int | None, least: int) -> Behind:
    """The tags behind the sound, which ends at `start`; those at the file's very end where that is not known.

    None begins before `least`, where those in front end. Where all of them together have more than a tag may have, only
    an ID3v1 tag is seen, and the rest is left alone.
    """
    size = file.seek(0, io.SEEK_END)
    if start is not None and least + size - start > TAG_LIMIT:
        start, least = None, max(least, size - ID3V1)
    begin = max(least, size - LOOK) if start is None else start
    file.seek(begin)
    rest = file.read()
    tags = [] if start is None else list(_in_a_row(rest))
    at = sum(len(tag) for _, tag in tags)
    stop, ends = peel_tags(rest, at)
    tags += [(kind, rest[first:last]) for kind, first, last in ends]
    begin += stop if start is None else 0
    return Behind(begin, size - begin, tuple(tags))


def _in_a_row(rest: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while (found := tag_at(rest, at)) is not None and at + found[1] <= len(rest):
        yield found[0], rest[at : at + found[1]]
        at += found[1]


def _disturbs(kind: str, tag: bytes) -> bool:
    if kind == "ape":
        # Its beginning is known, and nothing in it is taken for a frame unless it looks like one.
        return not tag.startswith(b"APETAGEX") or ANY_FRAME.search(tag) is not None
    return kind in ("id3v2", "lyrics3")
