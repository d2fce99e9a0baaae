"""Owners (persons and guest links) and the tokens by which they authenticate, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from media_service.core.access import ROLE_SCOPES, Role, Scope


class OwnerKind(StrEnum):
    """What an owner with a row is. Browsers without an account have none."""

    PERSON = "person"
    LINK = "link"


class TokenKind(StrEnum):
    """How a token is used: in the Authorization header, in a cookie, in a link's URL, or once to sign in."""

    API = "api"
    SESSION = "session"
    LINK = "link"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLimits:
    """Limits of what an owner has open and stored: files, bytes, and bytes of one file; None for the setting."""

    files: int | None = None
    bytes: int | None = None
    file_bytes: int | None = None


NO_LIMITS = OwnerLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A person or a guest link. `id` is `person:ID` or `link:ID`; times are UTC microseconds.

    `name`: a person's name, or a link's title. `password`: the Argon2 hash, None without one. `collections`: the ids of
    the collections that a person may work in, besides the general one; `all_collections`: every one.
    """

    id: str
    kind: OwnerKind
    role: Role
    name: str
    created_at: int
    password: str | None = None
    all_collections: bool = False
    collections: frozenset[str] = frozenset()
    limits: OwnerLimits = NO_LIMITS
    created_by: str | None = None
    seen_at: int | None = None
    disabled_at: int | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return what the role permits."""
        return ROLE_SCOPES[self.role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an owner, without its secret. `owner` None: a browser that signed in with the admin token.

    `scopes` of a session are those of its owner. `collection`: the id of the only collection that it is for. `agent`
    and `address` are those of a session's browser. Times are UTC microseconds; `expires_at` None: it does not expire.
    """

    id: str
    kind: TokenKind
    owner: str | None
    created_at: int
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    collection: str | None = None
    expires_at: int | None = None
    used_at: int | None = None
    revoked_at: int | None = None
    agent: str | None = None
    address: str | None = None

    def is_valid(self, now: int) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Credential:
    """A token that was presented, and its owner; None for the admin token's sessions."""

    token: Token
    owner: Owner | None

    def is_valid(self, now: int) -> bool:
        """Return whether the token is valid and its owner is not disabled."""
        return self.token.is_valid(now) and (self.owner is None or self.owner.disabled_at is None)
