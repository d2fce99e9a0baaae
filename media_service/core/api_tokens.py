"""Rules of API tokens: what they may permit, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.access import Scope
from media_service.core.errors.access import InsufficientScope
from media_service.core.errors.collections import UnknownCollection
from media_service.core.errors.requests import Malformed
from media_service.core.text import clean_line
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.accounts import Owner

TOKEN_NAME_CHARACTERS = 100

MAX_LIFETIME_SECONDS = 100 * 365 * 24 * 3600
"""Of a token that expires: its end still fits into a date."""


def clean_token_name(name: str) -> str:
    """Return the name of a token, by which its owner knows it. Raise Malformed."""
    cleaned = clean_line(name, "name", TOKEN_NAME_CHARACTERS)
    if not cleaned:
        raise Malformed("name", "it must not be empty")
    return cleaned


def granted_scopes(scopes: Iterable[Scope], owner: Owner) -> frozenset[Scope]:
    """Return the scopes of a token of this owner.

    Raise Malformed without any, InsufficientScope for one that its role does not have.
    """
    wanted = frozenset(scopes)
    if not wanted:
        raise Malformed("scopes", f"it must be some of {', '.join(Scope)}")
    for scope in Scope:
        if scope in wanted and scope not in owner.scopes:
            raise InsufficientScope(scope.value)
    return wanted


def check_collection(collection: str | None, owner: Owner, scopes: frozenset[Scope]) -> None:
    """Check that a token of this owner may be for this collection only. Raise UnknownCollection, Malformed."""
    if collection is None:
        return
    if Scope.ADMIN in scopes:
        raise Malformed("collection", "a token with the scope admin is for everything")
    if not (owner.all_collections or Scope.ADMIN in owner.scopes or collection in owner.collections):
        raise UnknownCollection


def expiry(now: int, seconds: int | None) -> int | None:
    """Return when a token with this lifetime expires, None if it does not. Raise Malformed."""
    if seconds is None:
        return None
    if not 1 <= seconds <= MAX_LIFETIME_SECONDS:
        raise Malformed("expires_in", f"it must be 1 to {MAX_LIFETIME_SECONDS} seconds, or null")
    return now + seconds * MICROSECONDS
