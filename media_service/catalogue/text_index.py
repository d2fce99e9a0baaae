"""Texts as the catalogue compares them: folded for search and order, and cut into grams for the index of words.

The signature of a text is a Bloom filter of its grams: whatever contains a word has all bits of the word's signature.

`listed_files` and its index contain results of these functions, so a change of one needs a migration that fills both
anew.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from functools import lru_cache
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

GRAM = 3
"""Characters of the longest gram."""

SORT_KEY_CHARACTERS = 100
"""Of a text that files are sorted by: PostgreSQL indexes values of up to 2,700 bytes."""

SEARCHED_GRAMS = 32
"""Of one search: each is a list of the index to read, and the found texts are compared with every word anyway."""

# Accents of Latin, Greek and Cyrillic letters. Marks of other scripts make other letters: Japanese か and が.
_ACCENTS = re.compile("[\u0300-\u036f]+")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that people type without their stroke, but that Unicode does not decompose."""

_MARKED = 0x100000
_MARKED_CHARACTERS = re.compile("[\U00100000-\U0010ffff]")

_IN_NAMES = frozenset({".mp", "mp3", "p3"})
"""Grams of the extension that all files have."""

SIGNATURE_COLUMNS = tuple(f"signature_{number}" for number in range(1, 7))
"""Integers of 64 bits that a signature consists of."""

_SIGNATURE_BITS = 64 * len(SIGNATURE_COLUMNS)
_BITS_OF_GRAM = 3
_CACHED_GRAMS = 20_000

# Words of these scripts are short, so their single letters and pairs have bits too, and so have the marks of filters.
# The gap has what `INDEXED` moves there.
_SHORT_GRAM = re.compile("[\u2e80-\ud7ff\uf900-\U0010001f]+")

# The index takes letters, digits and everything beyond ASCII for parts of a word; other characters are moved there.
INDEXED = {code: 0xE000 + code for code in range(128) if not chr(code).isalnum()}


def fold(text: str) -> str:
    """Return the text without differences of case, width, composition and accents."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)).translate(_LETTERS)
    return unicodedata.normalize("NFKC", bare)


def sort_key(text: str) -> str:
    """Return what a text is sorted by."""
    return fold(text)[:SORT_KEY_CHARACTERS].strip()


def searchable(text: str) -> str:
    """Return the text folded, with single blanks, and without the characters of `marked`."""
    return _MARKED_CHARACTERS.sub("\ufffd", " ".join(fold(text).split()))


def marked(text: str) -> str:
    """Return a text in characters that no searchable text has: its units of UTF-16, in plane 16.

    What is stored of a file so is found by its own words only. Blanks become letters: it is one word.
    """
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(_MARKED + 256 * high + low) for high, low in zip(units[::2], units[1::2], strict=True))


def grams_of_text(folded: str) -> set[str]:
    """Return each character, each two and each three neighbours of every word, as the index stores them."""
    grams: set[str] = set()
    for word in set(folded.split()):
        letters = word.translate(INDEXED)
        pairs = [*map(add, letters, letters[1:])]
        grams.update(letters, pairs, map(add, pairs, letters[2:]))
    return grams


def grams_of_search(words: Iterable[str]) -> list[str]:
    """Return grams, stored in the index, of every text that contains these folded words.

    Three letters match fewer texts than two. Short words, as Korean and Chinese have, are grams themselves.
    """
    grams = sorted(dict.fromkeys(gram for word in words for gram in _covering(word)), key=len, reverse=True)
    selective = [gram for gram in grams if not _is_everywhere(gram)]
    return [gram.translate(INDEXED) for gram in (selective or grams)[:SEARCHED_GRAMS]]


def _covering(word: str) -> Collection[str]:
    """Return grams that have every letter of a word, as few as possible."""
    last = max(len(word) - GRAM, 0)
    return [word[start : start + GRAM] for start in (*range(0, last, GRAM), last)]


def _is_everywhere(gram: str) -> bool:
    """Return whether nearly every text has it. To read the list of such a gram takes 10 ms with 1,000,000 files."""
    return gram in _IN_NAMES or (len(gram) == 1 and gram.isascii())


def signature_of(grams: Iterable[str]) -> dict[str, int]:
    """Return the columns of the signature of a text, or of searched words, from all of its grams.

    Each gram has three bits. With 41 grams, as the files of `bench.library` have, 28 % of all bits are set, so that one
    of 42 texts without a gram has all of its bits.
    """
    bits = 0
    for gram in grams:
        bits |= _bits_of(gram)
    columns = struct.unpack(f"<{len(SIGNATURE_COLUMNS)}q", bits.to_bytes(_SIGNATURE_BITS // 8, "little"))
    return dict(zip(SIGNATURE_COLUMNS, columns, strict=True))


@lru_cache(_CACHED_GRAMS)
def _bits_of(gram: str) -> int:
    """Return the bits of a gram. Shorter ones have none: nearly every text has them."""
    if len(gram) < GRAM and not _SHORT_GRAM.fullmatch(gram):
        return 0
    # Not the `hash` of Python, which differs in each process.
    digest, bits = zlib.crc32(gram.encode(errors="surrogatepass")), 0
    for _ in range(_BITS_OF_GRAM):
        digest, bit = divmod(digest, _SIGNATURE_BITS)
        bits |= 1 << bit
    return bits
