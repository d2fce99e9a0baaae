"""Estimate what it costs mutagen to read a frame, before mutagen sees it.

mutagen copies binary content once, but takes texts, lists and numbers apart in Python: it decodes UTF-16 byte by byte,
and copies what remains of a frame after each value. Kilobytes of those cost seconds, so they are counted here.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT = 64 * 1024
"""Bytes of one text or list."""

TEXTS = 1024 * 1024
"""Bytes of all texts and lists of a tag; one of UTF-16 counts WIDE_COST times."""

WIDE_COST = 8
"""How many times as much a byte of UTF-16 costs as one of another encoding."""

WIDE_ITEM_COST = 8
"""The same for values: mutagen makes a decoder for each of them."""

DATE_COST = 4
"""How many times as much a date costs as another value."""

ITEMS = 16_000
"""Values of all texts and entries of all lists of a tag; one of UTF-16 counts WIDE_ITEM_COST times."""

NUMBER = 1024
"""Bytes of a frame that holds a number: mutagen takes quadratic time for one."""

_LANGUAGE = (b"COM", b"USLT", b"ULT", b"USER")
_SYNCHRONISED = (b"SYLT", b"SLT")
_MIXED = (b"OWNE", b"COMR")
_TEXTS = (b"T", b"W", b"IPL", b"GRP1", b"GP1", b"MVIN", b"MVI", b"MVNM", b"MVN", *_LANGUAGE, *_SYNCHRONISED, *_MIXED)
"""Beginnings of the names of frames that mutagen decodes as text up to their last byte."""

_LISTS = (b"ETC", b"EQU", b"ASPI", b"RV", b"REV", b"RBUF", b"BUF")
"""Those of frames that mutagen takes apart entry by entry; an entry has at least _ENTRY bytes."""

_NUMBERS = (b"PCNT", b"CNT", b"PCST", b"POP", b"POSS", b"SEEK")
_DESCRIBED = {b"APIC": 1, b"PIC": 1, b"GEOB": 2, b"GEO": 2}
"""Frames of bytes with texts before them, and how many of these are in the frame's own encoding."""

_DATES = (b"TD", b"TORY", b"TYE", b"TOR", b"TIM", b"TRDA", b"TRD")
_ENTRY = 4
_WIDE = (b"\1", b"\2")
"""Encoding bytes of UTF-16."""


class TooMuch(Exception):
    """The tag is opaque, for the reason of this code."""

    def __init__(self, code: str, offset: int, expected: int | str, actual: int | str | None) -> None:
        self.code, self.offset, self.expected, self.actual = code, offset, expected, actual


@dataclass(slots=True)
class ReadCost:
    """The cost of the frames of one tag."""

    texts: int = 0
    items: int = 0

    def add(self, name: bytes, begin: bytes | memoryview, size: int, at: int) -> None:
        """Add a frame of so many bytes that begins like this. Raise TooMuch if the tag costs too much with it."""
        if name.startswith(_NUMBERS):
            _check(at, NUMBER, size)
        read = _size_of_texts(name, begin, size)
        _check(at, TEXT, read)
        content = bytes(begin[:read])
        self.texts += read * WIDE_COST if content[:1] in _WIDE else read
        self.items += _items(name, content)
        _check(at, TEXTS, self.texts)
        _check(at, ITEMS, self.items)


def _check(at: int, most: int, actual: int) -> None:
    if actual > most:
        raise TooMuch("tag_value_too_long", at, most, actual)


def _size_of_texts(name: bytes, begin: bytes | memoryview, size: int) -> int:
    """Return the bytes that mutagen decodes or takes apart."""
    if name.startswith(_TEXTS + _LISTS):
        return size
    if name in _DESCRIBED and begin[:1] in _WIDE:
        return _end_of_wide_texts(name, bytes(begin[: 2 * TEXT]))
    return 0


def _end_of_wide_texts(name: bytes, begin: bytes) -> int:
    """Return where the texts in UTF-16 end; beyond TEXT if they do not end there."""
    at = 5 if name == b"PIC" else begin.find(b"\0", 1) + 1 + name.startswith(b"APIC")
    for _ in range(_DESCRIBED[name]):
        characters = begin[at:].decode("utf-16-le", "replace")
        stop = characters.find("\0")
        if stop < 0:
            return TEXT + 1 if len(begin) > TEXT else len(begin)
        at += len(characters[:stop].encode("utf-16-le", "surrogatepass")) + 2
    return at


def _items(name: bytes, content: bytes) -> int:
    """Return the cost of the values of a text, which NULs separate, or commas in dates; or of a list's entries."""
    if name.startswith(_LISTS):
        return len(content) // _ENTRY
    separators = _wide_separators(name, content) if content[:1] in _WIDE else content.count(b"\0")
    if name.startswith(_DATES):
        return (separators + content.count(b",")) * DATE_COST
    return separators


def _wide_separators(name: bytes, content: bytes) -> int:
    """Return the cost of the values of a text in UTF-16; two NULs of different characters separate nothing."""
    start = 4 if name.startswith(_LANGUAGE) else 6 if name.startswith(_SYNCHRONISED) else 1
    starts = (0, 1) if name in _MIXED else (start,)
    return WIDE_ITEM_COST * max(content[at:].decode("utf-16-le", "replace").count("\0") for at in starts)
