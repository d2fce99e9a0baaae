"""When a link takes uploads, what it asks, and what it may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.accounts import OwnerLimits
from media_service.core.errors.access import Asked
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import (
    GRACE,
    Ask,
    Asks,
    GuestLink,
    LinkState,
    check_asked,
    check_limits,
    check_times,
    clean_asks,
    clean_note,
    clean_origins,
    clean_reference,
    clean_title,
)
from media_service.core.lifecycle import UploadRequest
from tests.core.test_text import any_text

moments = st.integers(0, 4 * GRACE)
links = st.builds(
    GuestLink,
    id=st.just("link:l"),
    title=st.just("Night"),
    created_at=st.just(0),
    opens_at=st.none() | moments,
    expires_at=st.none() | moments,
    closed_at=st.none() | moments,
)
texts = st.sampled_from([None, "", "  ", "\u202e", "kim@radio.example"])
requests = st.builds(
    lambda name, email, title: UploadRequest("a.mp3", 1, sender=name, email=email, tags={"title": title or ""}),
    texts,
    texts,
    texts,
)


@given(links, moments, moments)
def test_a_link_never_takes_uploads_again_after_its_deadline(link: GuestLink, moment: int, later: int) -> None:
    state = link.state(moment)
    if state in (LinkState.EXPIRED, LinkState.CLOSED):
        assert link.state(moment + later) in (LinkState.EXPIRED, LinkState.CLOSED)
    if state is LinkState.OPEN:
        assert link.opens_at is None or link.opens_at <= moment
        assert link.expires_at is None or moment < link.expires_at


@given(links.filter(lambda link: link.closed_at is None), moments)
def test_guests_see_what_they_sent_for_fourteen_days_after_the_end(link: GuestLink, moment: int) -> None:
    ended_at = link.ended_at(moment)
    assert (ended_at is None) == (link.state(moment) in (LinkState.EARLY, LinkState.OPEN))
    assert link.shows_uploads(moment) == (ended_at is None or moment < ended_at + GRACE)


def test_a_link_ends_when_it_is_closed_or_expires_whichever_is_first() -> None:
    link = GuestLink(id="link:l", title="Night", created_at=0, expires_at=20, closed_at=10)
    assert [link.ended_at(moment) for moment in (9, 10, 30)] == [None, 10, 10]
    assert (link.state(30), link.shows_uploads(10 + GRACE)) == (LinkState.CLOSED, False)


@given(st.builds(Asks, name=st.sampled_from(Ask), email=st.sampled_from(Ask), title=st.sampled_from(Ask)), requests)
def test_exactly_what_is_required_and_missing_is_asked_for(asks: Asks, request: UploadRequest) -> None:
    assert request.tags is not None
    given_details = {"name": request.sender, "email": request.email, "title": request.tags["title"]}
    missing = [
        name
        for name, value in given_details.items()
        if getattr(asks, name) is Ask.REQUIRED and value != "kim@radio.example"
    ]
    if not missing:
        check_asked(asks, request)
        return
    with pytest.raises(Asked) as refused:
        check_asked(asks, request)
    assert refused.value.details() == {"fields": missing}
    assert ", ".join(missing) in str(refused.value)


@pytest.mark.parametrize("email", ["kim", "kim@", "@radio", "a b@radio.example", "a@b@c"])
def test_what_is_no_address_is_refused_even_if_none_is_asked(email: str) -> None:
    with pytest.raises(Malformed, match="email"):
        check_asked(Asks(), UploadRequest("a.mp3", 1, email=email))


@given(any_text)
def test_any_text_becomes_a_storable_title_note_and_reference(text: str) -> None:
    for clean in (clean_title, clean_note, clean_reference):
        try:
            cleaned = clean(text)
        except Malformed:
            continue
        assert cleaned is None or cleaned.encode() is not None
        assert cleaned is None or clean(cleaned) == cleaned


@pytest.mark.parametrize("refused", [{"name": "perhaps"}, {"phone": "required"}])
def test_only_known_details_can_be_asked(refused: dict[str, str]) -> None:
    with pytest.raises(Malformed, match="asks"):
        clean_asks(refused)
    assert clean_asks({"title": "optional"}) == Asks(title=Ask.OPTIONAL)


@pytest.mark.parametrize(
    ("given_origin", "cleaned"),
    [
        ("https://radio.example", "https://radio.example"),
        ("HTTPS://Radio.Example:443", "https://radio.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_origins_are_written_as_browsers_send_them(given_origin: str, cleaned: str) -> None:
    assert clean_origins([given_origin]) == {cleaned}


@pytest.mark.parametrize(
    "origin",
    ["radio.example", "https://radio.example/", "https://a@b", "*", "null", "https://r.example:99999", "ftp://a", "x"],
)
def test_what_no_browser_sends_as_its_origin_is_refused(origin: str) -> None:
    with pytest.raises(Malformed, match="allowed_origins"):
        clean_origins([origin])


def test_a_link_permits_something_and_opens_before_its_deadline() -> None:
    with pytest.raises(Malformed, match="file_bytes_max"):
        check_limits(OwnerLimits(files=1, file_bytes=0))
    with pytest.raises(Malformed, match="opens_at"):
        check_times(20, 20)
    check_times(10, 20)
    check_times(None, 20)
