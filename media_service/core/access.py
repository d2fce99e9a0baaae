"""Who acts on uploads and files, and what that permits: roles, scopes, and whose rows a caller may read and change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LOCAL_OWNER = "local"
"""Owner of uploads from clients without a cookie or an account (scripts, and all rows of version 0.1).

It is not one person, so there the id, which cannot be guessed, is the permission.
"""

PERSON_PREFIX, LINK_PREFIX = "person:", "link:"
"""Beginnings of the ids of owners."""


class Role(StrEnum):
    """What a person is trusted with. A sender sees only their own uploads and files."""

    ADMIN = "admin"
    EDITOR = "editor"
    SENDER = "sender"


class Scope(StrEnum):
    """What a token permits. `admin` includes all others; otherwise none includes another."""

    UPLOAD = "upload"
    READ = "read"
    EDIT = "edit"
    LINKS = "links"
    EVENTS = "events"
    METRICS = "metrics"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)

ROLE_SCOPES = {
    Role.ADMIN: ALL_SCOPES,
    Role.EDITOR: frozenset({Scope.UPLOAD, Scope.READ, Scope.EDIT, Scope.LINKS, Scope.EVENTS}),
    Role.SENDER: frozenset({Scope.UPLOAD}),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who creates an upload, and for what.

    `owner` may read and change it. `account`: the person or the link whose quota counts it, None without one.
    `address`: the client's, None if unknown. `collection`: the id of its show, None for the general one.
    """

    owner: str = LOCAL_OWNER
    account: str | None = None
    address: str | None = None
    collection: str | None = None


LOCAL_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose uploads and files a caller may read and change: those of these owners, and in these collections."""

    owners: frozenset[str]
    collections: frozenset[str] = frozenset()


def may_access(viewer: Viewer | None, owner: str, collection: str | None) -> bool:
    """Return whether the viewer may read and change what this owner has in this collection. None may do everything."""
    return viewer is None or owner in viewer.owners or collection in viewer.collections


def is_shared(owner: str) -> bool:
    """Return whether several people may have this owner: scripts without an account, or with one guest link."""
    return owner == LOCAL_OWNER or owner.startswith(LINK_PREFIX)


def is_same_person(owner: str, other: str) -> bool:
    """Return whether both are one person, who may see the names of their other files."""
    return owner == other and not is_shared(owner)
