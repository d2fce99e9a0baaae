"""Rules of persons."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.access import Role
from media_service.core.accounts import Owner, OwnerKind, OwnerLimits
from media_service.core.errors.requests import Malformed
from media_service.core.people import (
    MAX_PASSWORD_CHARACTERS,
    MIN_PASSWORD_CHARACTERS,
    PERSON_NAME_CHARACTERS,
    PersonChange,
    changed,
    check_password,
    clean_name,
    name_key,
)

KIM = Owner(id="person:k", kind=OwnerKind.PERSON, role=Role.SENDER, name="Kim", created_at=1, password="hash")

changes = st.builds(
    PersonChange,
    name=st.none() | st.sampled_from(["Lee", "Kim"]),
    role=st.none() | st.sampled_from(Role),
    password=st.none() | st.sampled_from(["", "long enough"]),
    all_collections=st.none() | st.booleans(),
    collections=st.none() | st.frozensets(st.sampled_from("abc")),
    limits=st.none() | st.builds(OwnerLimits, files=st.integers(0, 5)),
    is_disabled=st.none() | st.booleans(),
)


@given(st.text(max_size=PERSON_NAME_CHARACTERS))
def test_key_of_a_name_is_its_own_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)
    assert "\0" not in name_key(f"{name}\0\ud800").encode().decode()


@given(st.text(max_size=PERSON_NAME_CHARACTERS), st.sampled_from(["NFC", "NFD"]))
def test_names_that_differ_in_case_or_composition_are_one(name: str, form: str) -> None:
    written = unicodedata.normalize(form, name)  # type: ignore[arg-type]  # mypy does not know that these are forms
    assert name_key(written) == name_key(name) == name_key(name.casefold())


@pytest.mark.parametrize("other", ["KIM", " kim ", "k\u0049m", "Kim\u200e", "ki\u006d"])
def test_clean_names_that_look_alike_have_one_key(other: str) -> None:
    assert name_key(clean_name(other)) == name_key("Kim")


@pytest.mark.parametrize("other", ["Kím", "Kim 2", "김"])
def test_other_names_have_other_keys(other: str) -> None:
    assert name_key(clean_name(other)) != name_key("Kim")


@given(st.text(max_size=PERSON_NAME_CHARACTERS))
def test_clean_name_is_clean_already_or_malformed(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except Malformed:
        assert not name.strip() or not any(char.isprintable() and not char.isspace() for char in name)
        return
    assert clean_name(cleaned) == cleaned
    assert cleaned
    assert "  " not in cleaned


@pytest.mark.parametrize("name", ["", " ", "\u200f", "x" * (PERSON_NAME_CHARACTERS + 1)])
def test_name_without_characters_or_with_too_many_is_malformed(name: str) -> None:
    with pytest.raises(Malformed):
        clean_name(name)


@pytest.mark.parametrize("characters", [MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_CHARACTERS])
def test_password_has_its_bounds(characters: int) -> None:
    assert check_password("x" * characters) == "x" * characters


@pytest.mark.parametrize("characters", [0, MIN_PASSWORD_CHARACTERS - 1, MAX_PASSWORD_CHARACTERS + 1])
def test_password_beyond_its_bounds_is_malformed(characters: int) -> None:
    with pytest.raises(Malformed):
        check_password("x" * characters)


@given(changes, st.none() | st.integers(0, 9))
def test_what_is_not_given_stays_and_the_same_change_again_changes_nothing(
    change: PersonChange, disabled_at: int | None
) -> None:
    before = replace(KIM, disabled_at=disabled_at)
    after = changed(before, change, 10, "other hash")
    for field in ("name", "role", "all_collections", "collections", "limits"):
        given_value = getattr(change, field)
        assert getattr(after, field) == (getattr(before, field) if given_value is None else given_value)
    assert after.password == ("hash" if change.password is None else "other hash")
    assert changed(after, change, 11, "other hash") == after
    untouched = ("id", "kind", "created_at", "created_by", "seen_at")
    assert [getattr(after, field) for field in untouched] == [getattr(before, field) for field in untouched]


def test_person_is_disabled_since_the_first_time() -> None:
    disabled = changed(KIM, PersonChange(is_disabled=True), 5)
    assert disabled.disabled_at == 5
    assert changed(disabled, PersonChange(is_disabled=True), 6).disabled_at == 5
    assert changed(disabled, PersonChange(is_disabled=False), 6).disabled_at is None


def test_removed_password_is_none() -> None:
    assert changed(KIM, PersonChange(password=""), 5, None).password is None
