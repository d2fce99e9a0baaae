"""Check how an upload begins and becomes complete."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core import admission, lifecycle
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import (
    BytesMissing,
    LengthDiffers,
)
from media_service.core.lifecycle import UploadRequest
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import State
from tests.core.samples import LIMITS, admit, make_upload

if TYPE_CHECKING:
    from media_service.core.errors.base import Refusal


def create(wish: UploadRequest) -> Upload:
    return lifecycle.create(wish, LIMITS, id="u", dialect="native", now=5)


def test_a_new_upload_is_receiving_and_clean() -> None:
    upload = create(UploadRequest("a\x00b.mp3", 10, sender=" Kim ", tags={"title": " Night ", "album": ""}))
    assert (upload.state, upload.filename, upload.sender) == (State.RECEIVING, "ab.mp3", "Kim")
    assert (upload.tags, upload.created_at, upload.updated_at) == ({"title": "Night"}, 5, 5)


def test_a_sender_of_blanks_is_none() -> None:
    assert create(UploadRequest("a.mp3", 10, sender=" \x00")).sender is None
    assert create(UploadRequest("a.mp3", 10, sender="")).sender is None


def test_a_file_may_be_as_large_as_the_limit_or_of_unknown_length() -> None:
    assert create(UploadRequest("a.mp3", 1000)).length == 1000
    assert create(UploadRequest("a.mp3", None)).length is None


@pytest.mark.parametrize(("length", "refusal"), [(1001, FileTooLarge), (0, Malformed), (-1, Malformed)])
def test_a_file_too_large_or_empty_is_refused(length: int, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        create(UploadRequest("a.mp3", length))


@given(st.data())
def test_slices_of_any_partition_in_any_order_complete_an_upload(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 1000))
    cuts = sorted({*range(0, length, LIMITS.slice), length, *data.draw(st.lists(st.integers(0, length)))})
    pieces = data.draw(st.permutations(list(pairwise(cuts))))
    upload, received = make_upload(length=length), Ranges()
    for start, stop in pieces:
        assert not lifecycle.is_complete(upload, received)
        with pytest.raises(BytesMissing) as refused:
            lifecycle.complete(upload, received, 9)
        assert refused.value.offset == received.offset
        room = admit(start, stop - start, received, upload)
        assert not room.repeat
        admission.check_record(upload, received, Slice(start, stop))
        received = received.add(Span(start, stop))
    assert lifecycle.complete(upload, received, 9).state is State.RECEIVED


def test_an_upload_without_length_is_never_complete() -> None:
    assert not lifecycle.is_complete(make_upload(length=None), Ranges([Span(0, 1000)]))


def test_a_deferred_upload_is_complete_only_when_it_is_concluded() -> None:
    upload, received = make_upload(defer_completion=True), Ranges([Span(0, 300)])
    assert not lifecycle.is_complete(upload, received)
    assert lifecycle.is_complete(lifecycle.conclude(upload, received, 8, LIMITS), received)
    unknown = make_upload(defer_completion=True, length=None)
    assert lifecycle.conclude(unknown, received, 8, LIMITS).length == 300
    with pytest.raises(LengthDiffers):
        lifecycle.conclude(upload, Ranges([Span(0, 299)]), 8, LIMITS)
