"""Estimate what it costs mutagen to parse a frame, before mutagen gets it.

mutagen copies binary content once, but parses texts, lists and numbers in Python: it decodes UTF-16 byte by byte, and
copies the rest of a frame after each value. Kilobytes of these take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_TEXT_BYTES = 64 * 1024
"""Limit of one text or list."""

MAX_TOTAL_TEXT_BYTES = 1024 * 1024
"""Limit of all texts and lists of a tag; UTF-16 counts WIDE_COST times."""

WIDE_COST = 8
"""Cost of a byte of UTF-16 relative to other encodings."""

WIDE_ITEM_COST = 8
"""Cost of a value in UTF-16 relative to other encodings: mutagen creates a decoder for each."""

DATE_COST = 4
"""Cost of a date relative to other values."""

MAX_ITEMS = 16_000
"""Limit of the values of all texts and entries of all lists of a tag; values in UTF-16 count WIDE_ITEM_COST times."""

MAX_NUMBER_BYTES = 1024
"""Limit of a frame that holds a number, which mutagen parses in quadratic time."""

_LANGUAGE = (b"COM", b"USLT", b"ULT", b"USER")
_SYNCHRONISED = (b"SYLT", b"SLT")
_MIXED = (b"OWNE", b"COMR")
_TEXTS = (b"T", b"W", b"IPL", b"GRP1", b"GP1", b"MVIN", b"MVI", b"MVNM", b"MVN", *_LANGUAGE, *_SYNCHRONISED, *_MIXED)
"""Prefixes of ids of frames that mutagen decodes as text up to their last byte."""

_LISTS = (b"ETC", b"EQU", b"ASPI", b"RV", b"REV", b"RBUF", b"BUF")
"""Prefixes of ids of frames that mutagen parses entry by entry; an entry has at least _ENTRY bytes."""

_NUMBERS = (b"PCNT", b"CNT", b"PCST", b"POP", b"POSS", b"SEEK")
_DESCRIBED = {b"APIC": 1, b"PIC": 1, b"GEOB": 2, b"GEO": 2}
"""Binary frames with texts before the data, and how many of these are in the frame's encoding."""

_DATES = (b"TD", b"TORY", b"TYE", b"TOR", b"TIM", b"TRDA", b"TRD")
_ENTRY = 4
_WIDE = (b"\1", b"\2")
"""Encoding bytes of UTF-16."""


class UnsafeTag(Exception):
    """The tag must not be parsed by mutagen; `code` is that of the finding."""

    def __init__(self, code: str, offset: int, expected: int | str, actual: int | str | None) -> None:
        self.code, self.offset, self.expected, self.actual = code, offset, expected, actual


@dataclass(slots=True)
class ReadCost:
    """The cost of the frames of one tag."""

    texts: int = 0
    items: int = 0

    def add(self, name: bytes, prefix: bytes | memoryview, size: int, offset: int) -> None:
        """Add a frame of `size` bytes that begins with `prefix`. Raise UnsafeTag if the tag costs too much."""
        if name.startswith(_NUMBERS):
            _check(offset, MAX_NUMBER_BYTES, size)
        text_bytes = _size_of_texts(name, prefix, size)
        _check(offset, MAX_TEXT_BYTES, text_bytes)
        content = bytes(prefix[:text_bytes])
        self.texts += text_bytes * WIDE_COST if content[:1] in _WIDE else text_bytes
        self.items += _items(name, content)
        _check(offset, MAX_TOTAL_TEXT_BYTES, self.texts)
        _check(offset, MAX_ITEMS, self.items)


def _check(offset: int, limit: int, actual: int) -> None:
    if actual > limit:
        raise UnsafeTag("tag_value_too_long", offset, limit, actual)


def _size_of_texts(name: bytes, prefix: bytes | memoryview, size: int) -> int:
    """Return the bytes that mutagen decodes or parses."""
    if name.startswith(_TEXTS + _LISTS):
        return size
    if name in _DESCRIBED and prefix[:1] in _WIDE:
        return _end_of_wide_texts(name, bytes(prefix[: 2 * MAX_TEXT_BYTES]))
    return 0


def _end_of_wide_texts(name: bytes, prefix: bytes) -> int:
    """Return the end of the texts in UTF-16; a value above MAX_TEXT_BYTES if they do not end within it."""
    offset = 5 if name == b"PIC" else prefix.find(b"\0", 1) + 1 + name.startswith(b"APIC")
    for _ in range(_DESCRIBED[name]):
        characters = prefix[offset:].decode("utf-16-le", "replace")
        stop = characters.find("\0")
        if stop < 0:
            return MAX_TEXT_BYTES + 1 if len(prefix) > MAX_TEXT_BYTES else len(prefix)
        offset += len(characters[:stop].encode("utf-16-le", "surrogatepass")) + 2
    return offset


def _items(name: bytes, content: bytes) -> int:
    """Return the cost of the values of a text, separated by NULs, in dates also by commas; or of a list's entries."""
    if name.startswith(_LISTS):
        return len(content) // _ENTRY
    separators = _wide_separators(name, content) if content[:1] in _WIDE else content.count(b"\0")
    if name.startswith(_DATES):
        return (separators + content.count(b",")) * DATE_COST
    return separators


def _wide_separators(name: bytes, content: bytes) -> int:
    """Return the cost of the values of a text in UTF-16. Two NULs of different code units separate nothing."""
    start = 4 if name.startswith(_LANGUAGE) else 6 if name.startswith(_SYNCHRONISED) else 1
    starts = (0, 1) if name in _MIXED else (start,)
    return WIDE_ITEM_COST * max(content[offset:].decode("utf-16-le", "replace").count("\0") for offset in starts)
