"""Metadata of an upload is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media_service.core import edits, lifecycle
from media_service.core.chapters import Chapter
from media_service.core.details import LAST_MODIFIED_END_US, check_details, details_bytes
from media_service.core.errors.limits import DetailsTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.limits import DETAILS_BYTES
from media_service.core.ranges import Ranges
from tests.core.samples import LIMITS, make_upload


@pytest.mark.parametrize("moment", [None, 0, 1, LAST_MODIFIED_END_US - 1])
def test_a_time_that_is_a_date_in_every_time_zone_is_kept(moment: int | None) -> None:
    upload = make_upload(last_modified=moment)
    assert check_details(upload) is upload


@pytest.mark.parametrize("moment", [-1, LAST_MODIFIED_END_US, -(10**18), 10**18])
def test_any_other_time_is_refused(moment: int) -> None:
    with pytest.raises(Malformed, match="last_modified"):
        check_details(make_upload(last_modified=moment))
    wish = lifecycle.UploadRequest("a.mp3", 10, last_modified=moment)
    with pytest.raises(Malformed, match="last_modified"):
        lifecycle.create(wish, LIMITS, id="u", dialect="native", now=1)


def test_bytes_of_tags_chapters_and_metadata_count_together() -> None:
    upload = make_upload(
        tags={"title": "밤"},
        chapters=(Chapter(0, "one"), Chapter(1, "two", "http://x")),
        protocol_fields={"metadata": "a b"},
    )
    assert details_bytes(upload) == (5 + 3) + (8 + 3) + (8 + 3 + 8) + (8 + 3)


def test_16_kib_of_text_are_the_most() -> None:
    value = "x" * (DETAILS_BYTES - len("metadata"))
    assert details_bytes(check_details(make_upload(protocol_fields={"metadata": value}))) == DETAILS_BYTES
    with pytest.raises(DetailsTooLarge):
        check_details(make_upload(protocol_fields={"metadata": value + "x"}))


def test_an_upload_cannot_grow_beyond_by_being_amended() -> None:
    chapters = [Chapter(number, "x" * 100) for number in range(100)]
    upload = edits.amend(make_upload(), Ranges(), 1, LIMITS, chapters=chapters)
    with pytest.raises(DetailsTooLarge):
        edits.amend(upload, Ranges(), 1, LIMITS, tags={"comment": "x" * 4096, "lyrics": "x" * 4096})
    full = replace(upload, tags={"comment": "x" * 4096}, protocol_fields={"metadata": "x" * 1000})
    with pytest.raises(DetailsTooLarge):
        edits.amend(full, Ranges(), 1, LIMITS, chapters=[*chapters, Chapter(200, "x" * 1000)])
