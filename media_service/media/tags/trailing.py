"""Tags after the audio: which stay, and which move to the front because they confuse players.

ffmpeg knows an ID3v1 tag and the beginning of an APE tag; it takes everything else for a broken frame.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.mpeg.header import ANY_LAYER_SYNC
from media_service.media.signatures import ID3V1_BYTES, detect_tag, find_trailing_tags
from media_service.media.tags import ape
from media_service.media.tags.id3v2 import MAX_TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE_BYTES = 1024 * 1024
"""Bytes of the file's end that are searched for tags if the end of the audio is unknown."""


@dataclass(frozen=True, slots=True)
class TrailingTags:
    """Trailing tags from `start` on; `size` includes junk. `replaced`: texts taken out of APE tags that stay."""

    start: int
    size: int
    tags: tuple[tuple[str, bytes], ...]
    replaced: tuple[bytes, ...] = ()

    @property
    def in_place(self) -> bytes:
        """Return the tags that players skip, which stay."""
        return b"".join(tag for kind, tag in self.tags if not _confuses_players(kind, tag))

    @property
    def moved(self) -> list[tuple[str, bytes]]:
        """Return the tags that confuse players, which are moved."""
        return [(kind, tag) for kind, tag in self.tags if _confuses_players(kind, tag)]

    @property
    def appended(self) -> list[bytes]:
        """Return the moved ID3v2 tags."""
        return [tag for kind, tag in self.moved if kind == "id3v2" and tag.startswith(b"ID3")]

    @property
    def foreign(self) -> list[tuple[str, bytes]]:
        """Return the moved tags of other formats, and the texts of APE tags."""
        others = [(kind, tag) for kind, tag in self.moved if tag not in self.appended]
        return [*others, *(("ape", tag) for tag in self.replaced)]

    @property
    def id3v1(self) -> bytes:
        """Return the ID3v1 tag at the file's end, empty if there is none."""
        kind, tag = self.tags[-1] if self.tags else ("", b"")
        return tag if kind == "id3v1" else b""

    def without_ape_text(self, leading_ape: bytes = b"") -> TrailingTags:
        """Return the tags without the texts of APE tags; `leading_ape` is an APE tag before the audio. Players that
        read APE tags, such as MPD, ignore ID3v2 tags."""
        tags, replaced = [], [leading_ape] if leading_ape else []
        for kind, tag in self.tags:
            texts, gain = ape.split_gain(tag) if kind == "ape" and not _confuses_players(kind, tag) else (b"", tag)
            if texts and gain and _confuses_players(kind, gain):
                texts, gain = tag, b""
            tags += [(kind, gain)] if gain else []
            replaced += [texts] if texts else []
        return replace(self, tags=tuple(tags), replaced=tuple(replaced))


def read_trailing_tags(file: BinaryIO, start: int | None, min_start: int) -> TrailingTags:
    """Return the tags after the audio, which ends at `start`; those at the file's end if that is unknown. No tag begins
    before `min_start`, the end of the leading tags. If all tags exceed MAX_TAG_BYTES, only ID3v1 is read."""
    size = file.seek(0, io.SEEK_END)
    if start is not None and min_start + size - start > MAX_TAG_BYTES:
        start, min_start = None, max(min_start, size - ID3V1_BYTES)
    trailing_start = max(min_start, size - PROBE_BYTES) if start is None else start
    file.seek(trailing_start)
    trailing = file.read()
    tags = [] if start is None else list(_consecutive_tags(trailing))
    offset = sum(len(tag) for _, tag in tags)
    stop, found = find_trailing_tags(trailing, offset)
    tags += [(kind, trailing[tag_start:tag_stop]) for kind, tag_start, tag_stop in found]
    trailing_start += stop if start is None else 0
    return TrailingTags(trailing_start, size - trailing_start, tuple(tags))


def _consecutive_tags(rest: bytes) -> Iterator[tuple[str, bytes]]:
    offset = 0
    while (detected := detect_tag(rest, offset)) is not None and offset + detected[1] <= len(rest):
        yield detected[0], rest[offset : offset + detected[1]]
        offset += detected[1]


def _confuses_players(kind: str, tag: bytes) -> bool:
    if kind == "ape":
        # ffmpeg knows its beginning; the rest is harmless unless it contains a frame header.
        return not tag.startswith(b"APETAGEX") or ANY_LAYER_SYNC.search(tag) is not None
    return kind in ("id3v2", "lyrics3")
