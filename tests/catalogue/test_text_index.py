"""Texts as search and order compare them, and the grams that find them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.catalogue.file_terms import joined
from media_service.catalogue.text_index import (
    SEARCHED_GRAMS,
    SIGNATURE_COLUMNS,
    SORT_KEY_CHARACTERS,
    fold,
    grams_of_search,
    grams_of_text,
    marked,
    searchable,
    signature_of,
    sort_key,
)

letters = st.one_of(st.characters(codec="utf-8"), st.sampled_from("aAáßŁøİ\u0131가각かがﬁ\uff05\u0301\u3099\u1100 "))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Amélie", "amelie"),
        ("AME\u0301LIE", "amelie"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Þórður Ærø", "thordur aero"),
        ("İstanbul \u0131s\u0131", "istanbul isi"),
        ("Ёлка", "елка"),
        ("\uff2e\uff49\uff47\uff48\uff54", "night"),
        ("\u110b\u1175\u11af\u110b\u116d", "일요"),
        ("か", "か"),
        ("が", "が"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_case_width_composition_and_accents_are_folded_and_other_marks_are_not(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(letters))
def test_folded_text_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(letters))
def test_searchable_text_has_single_blanks_and_stays_as_it_is(text: str) -> None:
    found = searchable(text)
    assert found == " ".join(found.split()) == searchable(found)


marks = st.characters(min_codepoint=0x100000)


@given(st.text(letters), st.text(st.one_of(letters, marks)))
def test_marked_text_has_no_blank_and_no_character_of_a_searchable_one(text: str, other: str) -> None:
    assert not set(marked(text)) & set(searchable(other))
    assert len(marked(text).split()) == bool(text)


@given(st.text(letters), st.text(letters))
def test_marked_texts_contain_each_other_as_the_texts_do(text: str, part: str) -> None:
    assert (marked(part) in marked(text)) is (part in text)
    assert marked(part) in marked(text + part)


@given(st.text(letters, max_size=12), st.data())
def test_the_index_has_the_grams_of_every_word_in_a_text(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    for word in folded.split():
        start = data.draw(st.integers(0, len(word) - 1))
        part = word[start : data.draw(st.integers(start + 1, len(word)))]
        assert grams_of_text(folded).issuperset(grams_of_search([part]))


@given(st.text(letters))
def test_no_gram_has_a_character_that_the_index_takes_for_a_separator(text: str) -> None:
    for gram in grams_of_text(fold(text)):
        assert all(not letter.isascii() or letter.isalnum() for letter in gram)
        assert 1 <= len(gram) <= 3


def test_a_word_is_searched_by_as_few_grams_as_cover_it() -> None:
    assert grams_of_search(["night", "밤", "국제"]) == ["nig", "ght", "국제", "밤"]


def test_grams_that_all_files_have_are_searched_only_by_themselves() -> None:
    assert grams_of_search(["a", "-", "kim.mp3"]) == ["kim"]
    assert grams_of_search(["a", "-", "mp3"]) == ["mp3", "a", "\ue02d"]


def test_a_long_search_reads_a_limited_number_of_lists() -> None:
    assert len(grams_of_search([chr(0x4E00 + number) for number in range(1000)])) == SEARCHED_GRAMS


def signature(text: str) -> list[int]:
    return [signature_of(grams_of_text(text))[name] for name in SIGNATURE_COLUMNS]


fields = st.text(st.one_of(letters, st.sampled_from("abmp3.일요일국 日本-\t\v\n\U0001f600")), max_size=20)


@given(st.lists(fields, min_size=1), st.lists(fields), st.data())
def test_a_text_has_all_bits_of_what_it_contains(plain: list[str], of_sender: list[str], data: st.DataObject) -> None:
    text = joined(plain, map(marked, map(searchable, of_sender)))
    lines = [line for line in text.split("\n") if line]
    bits = signature(text)
    for line in lines:
        start = data.draw(st.integers(0, len(line) - 1))
        phrase = line[start : data.draw(st.integers(start + 1, len(line)))]
        assert all(has & wanted == wanted for has, wanted in zip(bits, signature(phrase), strict=True))


def bit_count(text: str) -> int:
    return sum((bits % 2**64).bit_count() for bits in signature(text))


def test_short_words_have_bits_if_their_script_has_short_words() -> None:
    assert [bit_count(text) for text in ("", "a", "ab", "z ab 7.", "зд", "\u3000")] == [0] * 6
    assert [bit_count(text) for text in ("abc", "здр", "국", marked("\t"))] == [3] * 4
    # Of each letter, and of both.
    assert bit_count("일본") == 9
    # Of the marked name of a sender only what a part of it can have.
    assert bit_count(marked("k")) == bit_count(marked("ki")) == 0


def test_signatures_stay_as_they_are_stored() -> None:
    bits = [[bit for bit in range(64) if number >> bit & 1] for number in signature("abc 일")]
    assert bits == [[], [2], [1], [7], [30, 38], [60]]


def test_a_sort_key_is_short_enough_for_an_index() -> None:
    assert sort_key("  Ä" + "x" * 5000) == "a" + "x" * (SORT_KEY_CHARACTERS - 3)
