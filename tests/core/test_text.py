"""Text from clients: any text in, clean text out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.errors.requests import Malformed
from media_service.core.limits import NAME_CHARACTERS, TAG_CHARACTERS
from media_service.core.tags import TAGS, clean_tags, guessed_tags
from media_service.core.text import clean_line

any_text = st.text(st.characters(exclude_categories=()), max_size=200)
"""Includes lone surrogates."""


@given(any_text)
def test_any_text_becomes_one_storable_line_in_nfc(text: str) -> None:
    line = clean_line(text, "filename")
    assert line == unicodedata.normalize("NFC", line) == line.strip()
    line.encode()
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs"}
    assert not {unicodedata.bidirectional(char) for char in line} & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}


@given(any_text)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    line = clean_line(text, "filename")
    assert clean_line(line, "filename") == line


@pytest.mark.parametrize("separator", ["\u2028", "\u2029"])
def test_a_unicode_line_end_does_not_make_two_lines(separator: str) -> None:
    assert len(clean_line(f"a{separator}b", "filename").splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("일요일 밤.mp3", "일요일 밤.mp3"),
        (unicodedata.normalize("NFD", "일요일 밤.mp3"), "일요일 밤.mp3"),
        ("exe.\u202e3pm", "exe.3pm"),
        ("a\nb\tc", "a b c"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\ud800x", "x"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("", ""),
        ("👩\u200d🎤", "👩\u200d🎤"),
    ],
)
def test_what_has_a_glyph_stays_and_the_rest_goes(text: str, line: str) -> None:
    assert clean_line(text, "filename") == line


def test_a_line_too_long_is_refused_by_name() -> None:
    assert len(clean_line("가" * NAME_CHARACTERS, "sender")) == NAME_CHARACTERS
    with pytest.raises(Malformed) as refused:
        clean_line("가" * (NAME_CHARACTERS + 1), "sender")
    assert refused.value.field == "sender"


SHAPED = {"date", "track", "disc", "isrc", "language", "bpm", "key"}
"""Tags whose values have a shape."""


@given(st.dictionaries(st.sampled_from(sorted(set(TAGS) - SHAPED)), any_text))
def test_any_tags_become_clean_ones_without_empty_ones(tags: dict[str, str]) -> None:
    cleaned = clean_tags(tags)
    assert set(cleaned) <= set(tags)
    assert all(text and text == text.strip() for text in cleaned.values())
    assert all("\n" not in text for key, text in cleaned.items() if key not in ("comment", "lyrics"))
    assert clean_tags(cleaned) == cleaned


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("track", "3/12", "three"),
        ("disc", "1", "1/2/3"),
        ("isrc", "GBAYE0000351", "GBAYE000035"),
        ("language", "kor", "ko"),
        ("bpm", "120", "fast"),
        ("key", "Ebm", "H"),
    ],
)
def test_numbers_and_codes_have_their_shape(key: str, good: str, bad: str) -> None:
    assert clean_tags({key: f" {good} "}) == {key: good}
    with pytest.raises(Malformed) as refused:
        clean_tags({key: bad})
    assert refused.value.field == f"tags.{key}"


def test_an_isrc_may_come_with_hyphens() -> None:
    assert clean_tags({"isrc": "gb-aye-00-00351"}) == {"isrc": "GBAYE0000351"}


def test_a_comment_keeps_its_lines() -> None:
    assert clean_tags({"comment": "\r\nfirst \r\n\r\n second\x00\n"}) == {"comment": "first\n\nsecond"}


def test_a_long_comment_of_short_lines_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        clean_tags({"comment": "12345678\n" * (TAG_CHARACTERS // 8)})
    assert refused.value.field == "tags.comment"


def test_an_unknown_tag_is_refused_by_name() -> None:
    with pytest.raises(Malformed) as refused:
        clean_tags({"conductor": "x"})
    assert refused.value.field == "tags.conductor"


@pytest.mark.parametrize("date", ["2024", "0001", "2024-05", "2024-12-31"])
def test_years_months_and_days_are_dates(date: str) -> None:
    assert clean_tags({"date": f" {date} "}) == {"date": date}


@pytest.mark.parametrize(
    "date",
    ["24", "2024-13", "2024-00", "2024-5", "2024-05-32", "2024-05-06-07", "2024-05-06T10:00", "-2024", "٢٠٢٤", "soon"],
)
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(Malformed) as refused:
        clean_tags({"date": date})
    assert refused.value.field == "tags.date"


@pytest.mark.parametrize(
    ("name", "artist", "title"),
    [
        ("Kim - Night.mp3", "Kim", "Night"),
        ("03 Kim - Night.mp3", "Kim", "Night"),
        ("03. Kim - Night (live - 2024).MP3", "Kim", "Night (live - 2024)"),
        ("12 - Kim - Night.mp3", "Kim", "Night"),
        ("Kim_-_Night_Song.mp3", "Kim", "Night Song"),
        ("김철수 - 일요일 밤.mp3", "김철수", "일요일 밤"),
        ("2Pac - Changes.mp3", "2Pac", "Changes"),
        ("50 Cent - In da Club.mp3", "50 Cent", "In da Club"),
        ("311 - Amber.mp3", None, None),
        ("Sunday Night.mp3", None, None),
        ("01 - Night.mp3", None, None),
        ("Sunday-Night.mp3", None, None),
        (" - .mp3", None, None),
        ("", None, None),
    ],
)
def test_artist_and_title_are_guessed_from_names_that_have_both(
    name: str, artist: str | None, title: str | None
) -> None:
    assert guessed_tags(name) == ({"artist": artist, "title": title} if artist else {})
