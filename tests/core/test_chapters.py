"""Chapters from clients: in order, with titles, within the audio."""

from __future__ import annotations

import math

import pytest

from media_service.core.chapters import Chapter, audible_chapters, clean_chapters
from media_service.core.errors.requests import Malformed
from media_service.core.limits import MAX_CHAPTERS


def test_titles_are_cleaned_and_times_are_full_milliseconds() -> None:
    given = [
        Chapter(0, " In\u202etro\n "),
        Chapter(12.34567, "인터뷰", "https://example.com/a?b=%20#c"),
        Chapter(20, "E", ""),
    ]
    assert clean_chapters(given) == (
        Chapter(0, "Intro"),
        Chapter(12.346, "인터뷰", "https://example.com/a?b=%20#c"),
        Chapter(20, "E"),
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ([Chapter(-0.1, "a")], "chapters.0.start"),
        ([Chapter(math.nan, "a")], "chapters.0.start"),
        ([Chapter(math.inf, "a")], "chapters.0.start"),
        ([Chapter(4_294_968, "a")], "chapters.0.start"),
        ([Chapter(1, "a"), Chapter(1, "b")], "chapters.1.start"),
        ([Chapter(1, "a"), Chapter(1.0004, "b")], "chapters.1.start"),
        ([Chapter(2, "a"), Chapter(1, "b")], "chapters.1.start"),
        ([Chapter(1, "\u202e ")], "chapters.0.title"),
        ([Chapter(1, "a" * 1025)], "chapters.0.title"),
        ([Chapter(1, "a", "javascript:alert(1)")], "chapters.0.url"),
        ([Chapter(1, "a", "//example.com")], "chapters.0.url"),
        ([Chapter(1, "a", "http://")], "chapters.0.url"),
        ([Chapter(1, "a", "http://[")], "chapters.0.url"),
        ([Chapter(1, "a", "https://example.com/한")], "chapters.0.url"),
        ([Chapter(1, "a", "https://example.com/ b")], "chapters.0.url"),
        ([Chapter(1, "a", "https://example.com/" + "b" * 1024)], "chapters.0.url"),
        ([Chapter(n, "a") for n in range(MAX_CHAPTERS + 1)], "chapters"),
    ],
)
def test_what_cannot_be_a_chapter_is_refused_and_its_place_named(given: list[Chapter], field: str) -> None:
    with pytest.raises(Malformed) as refusal:
        clean_chapters(given)
    assert refusal.value.field == field


def test_a_chapter_after_the_audio_is_refused_once_its_length_is_known() -> None:
    given = [Chapter(0, "a"), Chapter(10, "b")]
    assert len(clean_chapters(given, 10.001)) == 2
    with pytest.raises(Malformed):
        clean_chapters(given, 10)


def test_audible_chapters_begin_before_the_audio_ends() -> None:
    assert audible_chapters([Chapter(0, "a"), Chapter(10, "b")], 10) == (Chapter(0, "a"),)
