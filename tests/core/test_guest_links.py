"""When a link takes uploads, what it asks, and what it may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.accounts import OwnerLimits
from media_service.core.errors.links import Asked
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import (
    GRACE,
    Ask,
    Asks,
    GuestLink,
    LinkState,
    LinkTerms,
    check_asked,
    with_terms,
)
from media_service.core.lifecycle import UploadRequest
from tests.core.test_text import any_text

PLAIN = GuestLink(id="link:l", title="Night", created_at=0)

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


@given(any_text)
def test_any_text_becomes_a_storable_title_note_and_reference(text: str) -> None:
    terms: LinkTerms = {"title": f"a{text}", "note": text, "reference": text}
    link = with_terms(PLAIN, terms, 0)
    for cleaned in filter(None, (link.title, link.note, link.reference)):
        cleaned.encode()
    again: LinkTerms = {"title": link.title, "note": link.note, "reference": link.reference}
    assert with_terms(link, again, 0) == link


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"title": " \u202e"}, "title"),
        ({"title": "a" * 201}, "title"),
        ({"asks": {"name": "perhaps"}}, "asks.name"),
        ({"asks": {"phone": "required"}}, "asks.phone"),
        ({"files_max": 0}, "files_max"),
        ({"bytes_max": 2**63}, "bytes_max"),
        ({"file_bytes_max": -1}, "file_bytes_max"),
        ({"opens_at": 20, "expires_at": 20}, "opens_at"),
        ({"reference": "a" * 256}, "reference"),
        ({"allowed_origins": [f"https://{number}.example" for number in range(17)]}, "allowed_origins"),
        *(
            ({"allowed_origins": [origin]}, "allowed_origins")
            for origin in ("radio.example", "https://radio.example/", "https://a@b", "*", "null", "https://r:99999")
        ),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: LinkTerms, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        with_terms(PLAIN, terms, 0)
    assert refused.value.details()["field"] == field


@pytest.mark.parametrize(
    ("origin", "cleaned"),
    [
        ("https://radio.example", "https://radio.example"),
        ("HTTPS://Radio.Example:443", "https://radio.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_origins_are_written_as_browsers_send_them(origin: str, cleaned: str) -> None:
    assert with_terms(PLAIN, {"allowed_origins": [origin]}, 0).allowed_origins == {cleaned}


def test_terms_that_are_not_named_stay() -> None:
    terms: LinkTerms = {"asks": {"title": "optional"}, "files_max": 2, "opens_at": 5, "expires_at": 6}
    link = with_terms(PLAIN, terms, 0)
    assert (link.asks, link.limits) == (Asks(title=Ask.OPTIONAL), OwnerLimits(files=2))
    assert with_terms(link, {"expires_at": None, "files_max": None}, 0).opens_at == 5


def test_a_closed_link_stays_closed_since_then_until_it_is_opened_again() -> None:
    closed = with_terms(with_terms(PLAIN, {"closed": True}, 3), {"closed": True, "note": "Thank you"}, 9)
    assert (closed.closed_at, closed.note) == (3, "Thank you")
    assert with_terms(closed, {"closed": False}, 9).closed_at is None
