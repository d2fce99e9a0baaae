"""The frames that we write into a tag, and which of the frames found give way to them.

Runs in the child process only: mutagen builds them.
"""

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
"""Our tags that are one text frame each."""

LONG_FRAMES = {"comment": "COMM", "lyrics": "USLT"}
"""Our tags that are a frame with a language and a description; ours has none."""

_DATES = {b"TDRC", b"TYER", b"TDAT", b"TIME"}

MOOD = "MOOD"
"""Version 2.3 has no frame for a mood; other programs write this text of their own."""

UPLOAD_OWNER = "urn:media-service:upload"
"""Whose identifier of the file the upload's id is."""


class Ours:
    """The frames that we write: tags that were asked for, texts of our own, the upload's id, a cover and chapters.

    `older` frames say what tags of other kinds say, and are written where nothing replaces them.
    """

    def __init__(
        self,
        tags: Mapping[str, str],
        provenance: Mapping[str, str],
        upload_id: str | None,
        older: Sequence[Any] = (),
        removed: Collection[str] = (),
        *,
        enclosed: CoverAndChapters | None = None,
    ) -> None:
        self.tags = tags
        self.enclosed = enclosed or CoverAndChapters()
        self.gone = frozenset(tags) | frozenset(removed)
        self._older = older
        self.texts = dict(provenance)
        self.upload_id = upload_id

    def frames(self, version: int) -> list[Any]:
        """All of them, built by mutagen for a tag of this version."""
        # Version 2.3 knows Latin-1 and UTF-16 only; Explorer and car radios read nothing newer.
        encoding = 3 if version == 4 else 1
        return [
            *(frame for frame in self._older if not self.replaces(_empty(frame.FrameID))),
            *self._asked_for(version, encoding),
            *self._of_our_own(version, encoding),
        ]

    def _asked_for(self, version: int, encoding: int) -> list[Any]:
        tags = {key: text for key, text in self.tags.items() if not (key == "mood" and version == 3)}
        texts = [(name, tags[key]) for key, name in TEXT_FRAMES.items() if key in tags]
        longer = [(name, tags[key]) for key, name in LONG_FRAMES.items() if key in tags]
        return [
            *(mutagen_adapter.make(name, encoding=encoding, text=text) for name, text in texts),
            *(mutagen_adapter.make(name, encoding=encoding, lang="XXX", desc="", text=text) for name, text in longer),
        ]

    def _of_our_own(self, version: int, encoding: int) -> list[Any]:
        texts = self.texts
        if version == 3 and "mood" in self.tags:
            texts = {**texts, MOOD: self.tags["mood"]}
        frames = [mutagen_adapter.make("TXXX", encoding=encoding, desc=name, text=text) for name, text in texts.items()]
        if self.upload_id is not None:
            frames.append(mutagen_adapter.make("UFID", owner=UPLOAD_OWNER, data=self.upload_id.encode()))
        return frames

    def replaces(self, frame: id3v2.Frame) -> bool:
        """Whether this raw frame gives way to one of ours."""
        name = frame.name
        if name in _DATES:
            return "date" in self.gone
        for key, long in LONG_FRAMES.items():
            if name == long.encode():
                return key in self.gone and id3v2.is_plain_comment(frame.content)
        if name == b"UFID":
            return self.upload_id is not None and frame.content.startswith(UPLOAD_OWNER.encode() + b"\0")
        if name == b"TXXX":
            described = id3v2.description(frame.content)
            return described in self.texts or (described == MOOD and "mood" in self.gone)
        if cover_and_chapters.replaces(self.enclosed, frame):
            return True
        return any(key in self.gone and text.encode() == name for key, text in TEXT_FRAMES.items())

    def put_into(self, tag: mutagen_adapter.Tag, version: int) -> None:
        """Puts our frames into a tag as mutagen holds it, and takes out those that give way to them."""
        for key, name in LONG_FRAMES.items():
            if key in self.gone:
                for plain in [frame for frame in tag.getall(name) if not frame.desc]:
                    del tag[plain.HashKey]
        for key in self.gone & TEXT_FRAMES.keys():
            tag.delall(TEXT_FRAMES[key])
        if "mood" in self.gone:
            tag.delall("TXXX:" + MOOD)
        for frame in self.frames(version):
            tag.add(frame)
        cover_and_chapters.take_out(self.enclosed, tag)


def _empty(name: str) -> id3v2.Frame:
    """A plain frame of this id."""
    return id3v2.Frame(4, name.encode(), bytes(id3v2.HEADER + 5))
