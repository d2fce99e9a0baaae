"""What people type to find files: words, `"several words"`, `by:` before the sender's, `-` before those not to find."""

from __future__ import annotations

import re
from dataclasses import dataclass

from media_service.catalogue.text_index import fold, marked, searchable
from media_service.core.errors.requests import Malformed

SEARCH_WORDS = 64
SEARCH_CHARACTERS = 8192

# A phrase without its second quotation mark is still typed.
_TERM = re.compile(r'(-?)(by:)?(?:"([^"]*)"?|(\S*))')


@dataclass(frozen=True, slots=True)
class Search:
    """Texts that the text of a file contains, and those that it does not."""

    words: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, str]:
        """Return what statements bind to compare texts."""
        words = {f"word_{number}": word for number, word in enumerate(self.words)}
        return words | {f"excluded_{number}": word for number, word in enumerate(self.excluded)}


def parse_search(search: str) -> Search:
    """Return what is searched for, as texts of files have it. Raise Malformed.

    A `-`, `by:` or `""` of its own is still typed: it finds everything.
    """
    _check(typed := searchable(search))
    found: list[str] = []
    excluded: list[str] = []
    for minus, by, phrase, word in _TERM.findall(typed):
        text = phrase.strip() or word
        if text:
            (excluded if minus else found).append(marked(text) if by else text)
    _check_count(len(found) + len(excluded))
    return Search(tuple(found), tuple(excluded))


def search_words(search: str) -> list[str]:
    """Return the words, folded like searched texts that have no other syntax. Raise Malformed."""
    _check(folded := fold(search))
    words = folded.split()
    _check_count(len(words))
    return words


def _check(folded: str) -> None:
    if len(folded) > SEARCH_CHARACTERS:
        raise _too_long()
    if "\0" in folded:
        raise Malformed("search", "contains a NUL character")  # which is no text in PostgreSQL


def _check_count(words: int) -> None:
    if words > SEARCH_WORDS:
        raise _too_long()


def _too_long() -> Malformed:
    return Malformed("search", f"more than {SEARCH_WORDS} words or {SEARCH_CHARACTERS} characters")
