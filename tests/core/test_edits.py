"""Check what may change about an upload, and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core import edits, expiry
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import (
    LengthDiffers,
    UploadGone,
    WrongState,
)
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import PublishIntent
from media_service.core.upload_states import State
from tests.core.samples import LIMITS, RECORDED, make_upload, spans

if TYPE_CHECKING:
    from media_service.core.errors.base import Refusal


def test_tags_change_while_bytes_are_awaited() -> None:
    amended = edits.amend(make_upload(tags={"title": "a"}), RECORDED, 8, LIMITS, tags={"artist": " b "})
    assert (amended.tags, amended.updated_at, amended.length) == ({"artist": "b"}, 8, 300)
    assert edits.amend(amended, RECORDED, 9, LIMITS, sender=" Kim\u202e ").sender == "Kim"
    assert edits.amend(make_upload(sender="Kim"), RECORDED, 9, LIMITS, tags={}).sender == "Kim"


def test_an_e_mail_address_looks_like_one_or_is_removed() -> None:
    upload = edits.amend(make_upload(), RECORDED, 8, LIMITS, email=" kim@radio.example\u202e")
    assert upload.email == "kim@radio.example"
    assert edits.amend(upload, RECORDED, 9, LIMITS, email="").email is None
    for email in ("kim", "kim@", "@radio", "a b@radio.example", "a@b@c"):
        with pytest.raises(Malformed, match="email"):
            edits.amend(upload, RECORDED, 9, LIMITS, email=email)


@given(st.lists(spans, max_size=4), st.integers(1, 320))
def test_a_length_is_taken_exactly_when_no_byte_lies_beyond_it(recorded: list[Span], length: int) -> None:
    received, upload = Ranges(recorded), make_upload(length=None)
    if any(span.stop > length for span in received):
        with pytest.raises(Malformed):
            edits.amend(upload, received, 8, LIMITS, length=length)
    else:
        assert edits.amend(upload, received, 8, LIMITS, length=length) == replace(upload, length=length, updated_at=8)


@pytest.mark.parametrize(
    ("announced", "length", "refusal"),
    [(300, 301, LengthDiffers), (None, 0, Malformed), (None, 1001, FileTooLarge)],
)
def test_a_length_is_set_once_and_within_the_limits(announced: int | None, length: int, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        edits.amend(make_upload(length=announced), Ranges(), 8, LIMITS, length=length)


def test_the_same_length_again_is_no_change() -> None:
    assert edits.amend(make_upload(), RECORDED, 8, LIMITS, length=300).length == 300


LATE = expiry.Lifetime(idle=10, whole=100, late_edits=15)


PLACED = PublishIntent("show.mp3", 1, b"", {})


@pytest.mark.parametrize(
    ("state", "publish_intent", "now", "allowed"),
    [
        (State.RECEIVING, None, 10, False),
        (State.RECEIVED, None, 10**9, True),
        (State.VERIFIED, PLACED, 10**9, True),
        (State.SPOOLED, PLACED, 25, True),
        (State.SPOOLED, PLACED, 26, False),
        (State.SPOOLED, None, 10, False),
        (State.REJECTED, None, 10, False),
        (State.CANCELLED, None, 10, False),
        (State.EXPIRED, None, 10, False),
        (State.LOST, None, 10, False),
    ],
)
def test_details_of_a_complete_upload_change_until_a_while_after_its_end(
    state: State, publish_intent: PublishIntent | None, now: int, allowed: bool
) -> None:
    upload = make_upload(state=state, publish_intent=publish_intent, updated_at=10, tags={"title": "T"})
    if not allowed:
        with pytest.raises((WrongState, UploadGone)):
            edits.amend_complete(upload, now, LATE, sender="Larry")
        with pytest.raises((WrongState, UploadGone)):
            edits.with_late_cover(upload, None, now, LATE)
        return
    amended = edits.amend_complete(upload, now, LATE, tags={"title": " New "}, sender="Larry")
    assert (amended.sender, amended.tags, amended.state) == ("Larry", {"title": "New"}, state)
    assert amended.updated_at == 10


@pytest.mark.parametrize(
    ("old", "new", "carried", "given", "removed"),
    [
        ({}, {"title": "A"}, {}, {"title": "A"}, set()),
        ({"title": "A"}, {"title": "B"}, {"title": "A"}, {"title": "B"}, set()),
        ({"title": "A"}, {"title": "A"}, {"title": "Librarian's"}, {}, set()),
        ({"title": "A"}, {"title": "B"}, {"title": "Librarian's"}, {"title": "B"}, set()),
        ({"title": "A"}, {}, {"title": "A"}, {}, {"title"}),
        ({"title": "A"}, {}, {"title": "Librarian's"}, {}, set()),
        ({}, {"title": "A"}, {"title": "A"}, {}, set()),
        ({}, {}, {"title": "The file's own"}, {}, set()),
    ],
)
def test_a_late_edit_changes_in_the_file_what_the_sender_changed(
    old: dict[str, str], new: dict[str, str], carried: dict[str, str], given: dict[str, str], removed: set[str]
) -> None:
    changes = edits.tag_changes(make_upload(tags=old), make_upload(tags=new), carried)
    assert (dict(changes.given), set(changes.removed), bool(changes)) == (given, removed, bool(given or removed))
