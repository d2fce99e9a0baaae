"""The sender of a request, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from media_service.core.access import ALL_SCOPES, LOCAL_OWNER, Origin, Scope, Viewer, is_shared, may_access
from media_service.core.accounts import NO_LIMITS, OwnerKind, TokenKind
from media_service.core.audit import ADMIN_TOKEN, Actor

if TYPE_CHECKING:
    from media_service.core.access import Role
    from media_service.core.accounts import Credential, Owner, OwnerLimits


class CallerKind(StrEnum):
    """How a caller authenticated: as a person, by a guest link, by the admin token, or not at all."""

    PERSON = "person"
    LINK = "link"
    ADMIN_TOKEN = "admin_token"  # noqa: S105  # a kind, no secret
    BROWSER = "browser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The sender of a request. New uploads get `owner`.

    `account`: the id of the person or the link. `collections`: ids of those that it may work in, None for all.
    `collection`: the only one that its token is for. `token_id`: of the token or session that it presented.
    `is_refused`: it presented a token that is not valid.
    """

    kind: CallerKind
    owner: str
    scopes: frozenset[Scope]
    address: str | None = None
    account: str | None = None
    name: str = ""
    role: Role | None = None
    collections: frozenset[str] | None = frozenset()
    collection: str | None = None
    limits: OwnerLimits = NO_LIMITS
    token_id: str | None = None
    is_refused: bool = False

    @property
    def is_known(self) -> bool:
        """Return whether it authenticated."""
        return self.kind is not CallerKind.BROWSER

    @property
    def actor(self) -> Actor:
        """Return the caller as the audit trail names it."""
        name = ADMIN_TOKEN if self.kind is CallerKind.ADMIN_TOKEN else self.account or self.owner
        return Actor(name, self.name, self.token_id, self.address)

    @property
    def origin(self) -> Origin:
        """Return the origin of an upload that the caller creates."""
        return Origin(self.owner, self.account, self.address, self.collection)

    @property
    def listed_owner(self) -> str:
        """Return the owner whose uploads are listed; "", which owns none, for one that several callers share."""
        return "" if is_shared(self.owner) else self.owner

    @property
    def own(self) -> Viewer:
        """Return a viewer of what the caller itself sent."""
        if self.account is None:
            return Viewer(frozenset({self.owner, LOCAL_OWNER}))
        return Viewer(frozenset({self.owner, self.account}))

    def viewer(self, scope: Scope) -> Viewer | None:
        """Return whose uploads and files the caller may read or change with this scope; None for everything."""
        if scope not in self.scopes:
            return self.own
        if self.collections is None:
            return None
        return Viewer(self.own.owners, self.collections)

    def may_change(self, owner: str, collection: str | None) -> bool:
        """Return whether the caller may change what this owner has in this collection."""
        return may_access(self.viewer(Scope.EDIT), owner, collection)


def anonymous_caller(browser: str, address: str | None, *, may_upload: bool, is_refused: bool = False) -> Caller:
    """Return a caller without an account. `browser`: the owner of its cookie."""
    scopes = frozenset({Scope.UPLOAD}) if may_upload else frozenset[Scope]()
    return Caller(kind=CallerKind.BROWSER, owner=browser, scopes=scopes, address=address, is_refused=is_refused)


def admin_token_caller(browser: str, address: str | None, token_id: str | None = None) -> Caller:
    """Return the caller with the admin token, or with a session that it began."""
    return Caller(
        kind=CallerKind.ADMIN_TOKEN,
        owner=browser,
        scopes=ALL_SCOPES,
        address=address,
        collections=None,
        token_id=token_id,
    )


def caller_with(credential: Credential, browser: str, address: str | None) -> Caller:
    """Return the caller that presented a valid credential."""
    token, owner = credential.token, credential.owner
    if owner is None:
        return admin_token_caller(browser, address, token.id)
    is_link = owner.kind is OwnerKind.LINK
    scopes = owner.scopes if token.kind is TokenKind.SESSION else owner.scopes & token.scopes
    if Scope.ADMIN in scopes:
        scopes = ALL_SCOPES
    return Caller(
        kind=CallerKind.LINK if is_link else CallerKind.PERSON,
        # The guests of a link do not see each other's uploads. Scripts have no cookie: the id is their permission.
        owner=owner.id if not is_link or browser == LOCAL_OWNER else browser,
        scopes=scopes,
        address=address,
        account=owner.id,
        name=owner.name,
        role=owner.role,
        collections=_collections(credential),
        collection=token.collection,
        limits=owner.limits,
        token_id=token.id,
    )


def person_caller(owner: Owner, address: str | None) -> Caller:
    """Return the caller whom a trusted proxy has signed in."""
    return Caller(
        kind=CallerKind.PERSON,
        owner=owner.id,
        scopes=owner.scopes,
        address=address,
        account=owner.id,
        name=owner.name,
        role=owner.role,
        collections=None if owner.all_collections or Scope.ADMIN in owner.scopes else owner.collections,
        limits=owner.limits,
    )


def _collections(credential: Credential) -> frozenset[str] | None:
    """Return the collections of the owner, or that of its token; None for all."""
    token, owner = credential.token, credential.owner
    if owner is None:
        return None
    everything = owner.all_collections or Scope.ADMIN in owner.scopes
    if token.collection is None:
        return None if everything else owner.collections
    allowed = everything or owner.kind is OwnerKind.LINK or token.collection in owner.collections
    return frozenset({token.collection}) if allowed else frozenset()
