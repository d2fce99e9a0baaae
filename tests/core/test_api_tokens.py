"""Rules of API tokens: never more than their owner, and bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.access import ROLE_SCOPES, Role, Scope
from media_service.core.accounts import Owner, OwnerKind
from media_service.core.api_tokens import (
    MAX_LIFETIME_SECONDS,
    check_collection,
    clean_token_name,
    expiry,
    granted_scopes,
)
from media_service.core.errors.access import InsufficientScope
from media_service.core.errors.collections import UnknownCollection
from media_service.core.errors.requests import Malformed


def owner(role: Role, **more: object) -> Owner:
    return Owner(id="person:k", kind=OwnerKind.PERSON, role=role, name="Kim", created_at=1, **more)  # type: ignore[arg-type]  # of any field


@given(st.frozensets(st.sampled_from(Scope)), st.sampled_from(Role))
def test_token_has_the_wanted_scopes_or_is_refused_for_one_that_its_owner_lacks(
    scopes: frozenset[Scope], role: Role
) -> None:
    beyond = scopes - ROLE_SCOPES[role]
    if beyond:
        with pytest.raises(InsufficientScope) as refused:
            granted_scopes(scopes, owner(role))
        assert Scope(refused.value.needed) in beyond
    elif not scopes:
        with pytest.raises(Malformed):
            granted_scopes(scopes, owner(role))
    else:
        assert granted_scopes(scopes, owner(role)) == scopes


@given(st.integers(), st.none() | st.integers())
def test_expiring_token_expires_later_than_now(now: int, seconds: int | None) -> None:
    try:
        expires_at = expiry(now, seconds)
    except Malformed:
        assert seconds is not None
        assert not 1 <= seconds <= MAX_LIFETIME_SECONDS
    else:
        assert (expires_at is None) == (seconds is None)
        assert expires_at is None or expires_at > now


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_token_has_a_name(name: str) -> None:
    with pytest.raises(Malformed):
        clean_token_name(name)


UPLOAD = frozenset({Scope.UPLOAD})


def test_token_is_for_a_collection_that_its_owner_may_work_in() -> None:
    check_collection("c", owner(Role.SENDER, collections=frozenset({"c"})), UPLOAD)
    check_collection("c", owner(Role.EDITOR, all_collections=True), UPLOAD)
    check_collection("c", owner(Role.ADMIN), UPLOAD)
    check_collection(None, owner(Role.SENDER), UPLOAD)
    with pytest.raises(UnknownCollection):
        check_collection("c", owner(Role.EDITOR, collections=frozenset({"d"})), UPLOAD)


def test_token_for_everything_is_not_for_one_collection() -> None:
    with pytest.raises(Malformed):
        check_collection("c", owner(Role.ADMIN), frozenset({Scope.ADMIN}))
