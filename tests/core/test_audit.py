"""Entries of the audit trail are bounded and have no secrets; a flood of failed sign-ins is a few of them."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from media_service.core.audit import LISTED_TEXTS, NAME_CHARACTERS, Action, Actor, Subject, make_entry, safe_text
from media_service.core.sign_in_failures import MAX_ADDRESSES, SignInFailures
from tests.support.server import ROOT

SECRETS = st.from_regex(r"ms_[A-Za-z0-9_-]{43}", fullmatch=True)
TEXTS = st.text(max_size=2 * NAME_CHARACTERS)


@given(TEXTS, SECRETS, TEXTS)
def test_no_part_of_a_secret_is_in_an_entry(before: str, secret: str, after: str) -> None:
    text = f"{before} {secret} {after}"
    entry = make_entry(1, Actor("person:1", text), Action.SIGN_IN, Subject("s", text), details={"a": text, "b": [text]})
    assert not re.search(r"ms_[A-Za-z0-9_-]{8}", repr(entry).replace(before, "").replace(after, ""))
    assert secret not in repr(entry)


@given(st.text(), st.lists(TEXTS, max_size=2 * LISTED_TEXTS))
def test_texts_are_bounded_and_can_be_stored(name: str, names: list[str]) -> None:
    entry = make_entry(1, Actor(None, name), Action.SIGN_IN, details={"names": names})
    stored = entry.details["names"]
    assert isinstance(stored, list)
    assert len(stored) <= LISTED_TEXTS
    for text in (entry.actor.name, *stored):
        assert len(text) <= NAME_CHARACTERS
        assert "\0" not in text
        text.encode()


def test_short_text_stays_as_it_is() -> None:
    assert safe_text("일요일 밤.mp3") == "일요일 밤.mp3"
    assert safe_text("ms_short") == "ms_short"


WINDOWS = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 2 * MAX_ADDRESSES).map(str)), max_size=60), max_size=5)


@given(WINDOWS)
def test_every_failure_is_counted_once_in_few_entries(windows: list[list[str | None]]) -> None:
    failures = SignInFailures()
    counted: Counter[str | None] = Counter()
    was_counted: set[str] = set()
    for window in windows:
        firsts = [address for address in window if failures.is_first(address)]
        ended = failures.end_window()
        entries = Counter([*firsts, *(found.address for found in ended)])
        assert len(firsts) <= MAX_ADDRESSES
        assert len(ended) <= MAX_ADDRESSES + 1
        # An address that goes on failing is one entry a window.
        assert not was_counted.intersection(address for address in firsts if address is not None)
        assert all(number <= 2 for number in entries.values())
        was_counted = {found.address for found in ended if found.address is not None}
        counted.update(firsts)
        for found in ended:
            counted[found.address] += found.count
    assert sum(counted.values()) == sum(map(len, windows))
    for address, number in counted.items():
        if address is not None:
            assert number <= sum(window.count(address) for window in windows)


def test_every_action_is_documented() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert [action for action in Action if f"`{action}`" not in page] == []
