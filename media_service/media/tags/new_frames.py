"""The frames that we write, and which existing frames they replace. Runs in tag workers only: mutagen builds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.core.files import CoverAndChapters
from media_service.media.tags import cover_and_chapters, id3v2, mutagen_adapter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

TEXT_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "genre": "TCON",
    "album_artist": "TPE2",
    "track": "TRCK",
    "disc": "TPOS",
    "composer": "TCOM",
    "isrc": "TSRC",
    "label": "TPUB",
    "copyright": "TCOP",
    "language": "TLAN",
    "bpm": "TBPM",
    "key": "TKEY",
    "grouping": "TIT1",
    "description": "TIT3",
    "mood": "TMOO",
    "date": "TDRC",
}
"""Text frames of our tags."""

LANGUAGE_FRAMES = {"comment": "COMM", "lyrics": "USLT"}
"""Frames of our tags with language and description; in ours the description is empty."""

_DATES = {b"TDRC", b"TYER", b"TDAT", b"TIME"}

MOOD = "MOOD"
"""Version 2.3 has no mood frame; other programs too use this TXXX frame."""

UPLOAD_OWNER = "urn:media-service:upload"
"""Owner string of our UFID frame; its identifier is the upload id."""


class NewFrames:
    """The frames that we write: tags, provenance, the upload id, cover and chapters. `legacy` frames come from tags of
    other formats, and are written unless a new frame replaces them."""

    def __init__(
        self,
        tags: Mapping[str, str],
        provenance: Mapping[str, str],
        upload_id: str | None,
        legacy: Sequence[Any] = (),
        removed: Collection[str] = (),
        *,
        enclosed: CoverAndChapters | None = None,
    ) -> None:
        self.tags = tags
        self.enclosed = enclosed or CoverAndChapters()
        self.replaced_keys = frozenset(tags) | frozenset(removed)
        self._legacy = legacy
        self.texts = dict(provenance)
        self.upload_id = upload_id

    def frames(self, version: int) -> list[Any]:
        """Build all frames for a tag of this version."""
        # Version 2.3 has Latin-1 and UTF-16 only; Explorer and car radios read nothing newer.
        encoding = 3 if version == 4 else 1
        return [
            *(frame for frame in self._legacy if not self.replaces(_empty_frame(frame.FrameID))),
            *self._tag_frames(version, encoding),
            *self._provenance_frames(version, encoding),
        ]

    def _tag_frames(self, version: int, encoding: int) -> list[Any]:
        tags = {key: text for key, text in self.tags.items() if not (key == "mood" and version == 3)}
        texts = [(name, tags[key]) for key, name in TEXT_FRAMES.items() if key in tags]
        longer = [(name, tags[key]) for key, name in LANGUAGE_FRAMES.items() if key in tags]
        return [
            *(mutagen_adapter.make_frame(name, encoding=encoding, text=text) for name, text in texts),
            *(
                mutagen_adapter.make_frame(name, encoding=encoding, lang="XXX", desc="", text=text)
                for name, text in longer
            ),
        ]

    def _provenance_frames(self, version: int, encoding: int) -> list[Any]:
        texts = self.texts
        if version == 3 and "mood" in self.tags:
            texts = {**texts, MOOD: self.tags["mood"]}
        frames = [
            mutagen_adapter.make_frame("TXXX", encoding=encoding, desc=name, text=text) for name, text in texts.items()
        ]
        if self.upload_id is not None:
            frames.append(mutagen_adapter.make_frame("UFID", owner=UPLOAD_OWNER, data=self.upload_id.encode()))
        return frames

    def replaces(self, frame: id3v2.Id3Frame) -> bool:
        """Return whether a new frame replaces this raw frame."""
        name = frame.name
        if name in _DATES:
            return "date" in self.replaced_keys
        for key, long in LANGUAGE_FRAMES.items():
            if name == long.encode():
                return key in self.replaced_keys and id3v2.has_empty_description(frame.content)
        if name == b"UFID":
            return self.upload_id is not None and frame.content.startswith(UPLOAD_OWNER.encode() + b"\0")
        if name == b"TXXX":
            described = id3v2.txxx_description(frame.content)
            return described in self.texts or (described == MOOD and "mood" in self.replaced_keys)
        if cover_and_chapters.replaces(self.enclosed, frame):
            return True
        return any(key in self.replaced_keys and text.encode() == name for key, text in TEXT_FRAMES.items())

    def apply_to(self, tag: mutagen_adapter.MutagenTag, version: int) -> None:
        """Add our frames to a tag, and remove those that they replace."""
        for key, name in LANGUAGE_FRAMES.items():
            if key in self.replaced_keys:
                for plain in [frame for frame in tag.getall(name) if not frame.desc]:
                    del tag[plain.HashKey]
        for key in self.replaced_keys & TEXT_FRAMES.keys():
            tag.delall(TEXT_FRAMES[key])
        if "mood" in self.replaced_keys:
            tag.delall("TXXX:" + MOOD)
        for frame in self.frames(version):
            tag.add(frame)
        cover_and_chapters.remove_replaced(self.enclosed, tag)


def _empty_frame(name: str) -> id3v2.Id3Frame:
    """Return an empty frame with this id."""
    return id3v2.Id3Frame(4, name.encode(), bytes(id3v2.ID3_HEADER_BYTES + 5))
