"""What people type to find files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.catalogue.search_syntax import SEARCH_CHARACTERS, SEARCH_WORDS, Search, parse_search
from media_service.catalogue.text_index import marked
from media_service.core.errors.requests import Malformed


@pytest.mark.parametrize(
    ("typed", "words", "excluded"),
    [
        ("Radio  NIGHT", ["radio", "night"], []),
        ('"Radio  night" x', ["radio night", "x"], []),
        ("night -radio", ["night"], ["radio"]),
        ('-"radio night"', [], ["radio night"]),
        ("by:Kim", [marked("kim")], []),
        ('by:"Kim Minho" -by:lee', [marked("kim minho")], [marked("lee")]),
        ("\uff22\uff39\uff1akim", [marked("kim")], []),
        ('sci-fi 12" a:b baby:x', ["sci-fi", '12"', "a:b", "baby:x"], []),
        ('"by:" "-" "-x"', ["by:", "-", "-x"], []),
        ('night "rad', ["night", "rad"], []),
        ('night by: - -by: "" " "', ["night"], []),
        ("--x", [], ["-x"]),
        ("a\u0301\U00100061", ["a\ufffd"], []),
        ("", [], []),
    ],
)
def test_words_phrases_senders_and_exclusions_are_told_apart(typed: str, words: list[str], excluded: list[str]) -> None:
    assert parse_search(typed) == Search(tuple(words), tuple(excluded))


@given(st.text(st.sampled_from('ab-:"by \t가\ud800\U0001f600'), max_size=20))
def test_anything_may_be_typed(typed: str) -> None:
    found = parse_search(typed)
    assert all(text and text == text.strip() for text in found.words + found.excluded)


@pytest.mark.parametrize("typed", ["a " * (SEARCH_WORDS + 1), "-a " * (SEARCH_WORDS + 1), "a" * 9000, "a\0b"])
def test_a_search_that_is_too_long_or_no_text_is_refused(typed: str) -> None:
    assert len("a" * 9000) > SEARCH_CHARACTERS
    with pytest.raises(Malformed):
        parse_search(typed)
