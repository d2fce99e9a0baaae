"""Files with every kind of existing tag."""

from __future__ import annotations

from tests.media.raw_id3 import frame, frame22, syncsafe, tag
from tests.media.sample_images import png
from tests.media.sample_tags import MORE
from tests.support.stream import Stream, ape_tag, lyrics_tag

STREAM = Stream(kbits=128, seed=21)
AUDIO = STREAM.with_header(STREAM.frames(60))
ASKED = {
    "title": "일요일 밤",
    "artist": "AC/DC",
    "album": "Straße",
    "date": "2024-05-06",
    "genre": "Podcast",
    "comment": "첫째 둘째",
    **MORE,
    "lyrics": "첫째 둘째",
}


def chapter(name: str, start: int, stop: int, version: int) -> bytes:
    times = start.to_bytes(4) + stop.to_bytes(4) + b"\xff" * 8
    return frame("CHAP", name.encode() + b"\0" + times + frame("TIT2", b"\0" + name.encode(), version), version)


def foreign(version: int) -> list[bytes]:
    """Return frames that DJs, podcasters and archives have in their files."""
    return [
        frame("GEOB", b"\0application/octet-stream\0\0Serato Markers2\0" + b"\1\1AQF\xff\xe0\xff\0" * 30, version),
        frame("PRIV", b"TRAKTOR4\0" + bytes(range(256)), version),
        frame("CTOC", b"toc\0\3\2one\0two\0", version),
        chapter("one", 0, 700, version),
        chapter("two", 700, 1500, version),
        frame("POPM", b"kim@example.com\0\xff\0\0\0\x07", version),
        frame("UFID", b"http://musicbrainz.org\0abc-def", version),
        frame("RVA2", b"x\0\1\0\0\0", version),
        frame("TSOP", b"\0Kim, Lee", version),
        frame("MCDI", bytes(40) + b"\xff\xff", version),
        frame("XYZ9", b"nobody knows me", version),
    ]


def old(version: int) -> bytes:
    """Return a tag with other values for most of the requested tags, and foreign frames."""
    texts = {"TIT2": b"Old title", "TPE1": b"Old artist", "TALB": b"Old album", "TCON": b"Rock", "TRCK": b"9"}
    written = [frame(name, b"\0" + text, version) for name, text in texts.items()]
    written.append(frame("COMM", b"\0eng\0old comment", version))
    written.append(frame("TYER", b"\x001999", 3) if version == 3 else frame("TDRC", b"\x001999", 4))
    return tag(b"".join(written + foreign(version)), version, padding=50)


OLD22 = tag(frame22("TT2", b"\0Old title") + frame22("TP1", b"\0Old artist") + frame22("XYZ", b"nobody knows me"), 2)
SECOND = tag(frame("TIT2", b"\0Second title", 4) + frame("TALB", b"\0Second", 4) + frame("PRIV", b"second\0x", 4), 4)
V1 = b"TAG" + b"Old title".ljust(30, b"\0") + b"Old artist".ljust(30, b"\0") + b"Old album".ljust(30, b"\0") + b"1999"
V1 += b"old comment".ljust(28, b"\0") + b"\0\x09\x11"
FOOTED = tag(frame("TIT2", b"\0Old title", 4), 4, 0x10)
LYRICS = b"LYRICSBEGIN[00:01]one\r\n[00:02]two\r\nLYRICSEND"
APPENDED = tag(b"".join([frame("TIT2", b"\0Old title", 4), *foreign(4)]), 4)
PICTURE = png(200, 120)
KINDS: dict[str, tuple[bytes, bytes]] = {
    "none": (b"", b""),
    "v2.2": (OLD22, b""),
    "v2.3": (old(3), b""),
    "v2.4": (old(4), b""),
    "v2.4 with footer": (FOOTED + b"3DI" + FOOTED[3:10], b""),
    "v1": (b"", V1),
    "ape": (b"", ape_tag()),
    "ape in front": (ape_tag(), b""),
    "v2.3, ape, v1": (old(3), ape_tag() + V1),
    "v2.3 and v2.4": (old(3) + SECOND, b""),
    "v2.4 twice": (old(4) + SECOND, b""),
    "v2.3 and junk": (old(3) + b"junk" * 50, b""),
    "junk behind": (old(3), bytes(1000)),
    "junk before v1": (b"", b"x" * 300 + V1),
    "junk behind v1": (b"", V1 + b"x" * 300),
    "a piece of a frame behind": (b"", AUDIO[-200:]),
    "lyrics": (b"", lyrics_tag() + V1),
    "lyrics of the first version": (b"", LYRICS + V1),
    "lyrics and ape": (old(4), lyrics_tag() + ape_tag()),
    "ape and lyrics": (b"", ape_tag() + lyrics_tag() + V1),
    "v1+": (b"", b"TAG+" + bytes(223) + V1),
    "ape without header": (b"", ape_tag()[32:]),
    "ape with a picture": (old(3), ape_tag(PICTURE) + V1),
    "v2.4 behind": (b"", APPENDED),
    "v2.4 behind v2.3": (old(3), APPENDED),
    "v2.4 with footer behind": (b"", FOOTED + b"3DI" + FOOTED[3:10]),
    "everything behind": (old(3), APPENDED + ape_tag(PICTURE)[32:] + lyrics_tag() + V1),
    "malformed": (tag(frame("TIT2", b"\0Old title") + b"\1 garbage that is no frame"), b""),
    "unknown version": (b"ID3\5\0\0" + syncsafe(100) + bytes(100), b""),
}
