"""Write owners and tokens. Each function returns one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, or_, select, update

from media_service.catalogue.access_tables import grants, owners, tokens
from media_service.catalogue.account_rows import owner_row, token_row
from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert
from media_service.catalogue.tables import usage
from media_service.core.accounts import TokenKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ClauseElement

    from media_service.catalogue.compiled import Statement
    from media_service.core.accounts import Owner, Token

_UNCHANGED = {"id", "created_by", "created_at", "seen_at"}
"""Columns that saving an owner leaves alone."""

_NOW = bindparam("now", type_=tokens.c.created_at.type)
_IS_SESSION = tokens.c.kind == TokenKind.SESSION.value
_IS_INVITATION = tokens.c.kind == TokenKind.INVITATION.value
_UNEXPIRED = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > _NOW)
_BY_ID = tokens.c.id == bindparam("token_id")
_OF_OWNER = tokens.c.owner == bindparam("owner"), tokens.c.kind.in_(bindparam("kinds", expanding=True))


def _insert_owner() -> ClauseElement:
    values: dict[str, Any] = {column.name: bindparam(column.name) for column in owners.columns}
    return insert(owners).values(values).on_conflict_do_nothing(index_elements=["name_key"])


def _update_owner() -> ClauseElement:
    """Update the owner, unless another one has the name."""
    saved = [column.name for column in owners.columns if column.name not in _UNCHANGED]
    columns: dict[str, Any] = {name: bindparam(name) for name in saved}
    other = owners.alias("other")
    taken = select(other.c.id).where(other.c.name_key == bindparam("name_key"), other.c.id != bindparam("row_id"))
    return update(owners).where(owners.c.id == bindparam("row_id"), ~taken.exists()).values(columns)


def _use_invitation() -> ClauseElement:
    invitation = update(tokens).where(tokens.c.digest == bindparam("digest"), _IS_INVITATION)
    valid = invitation.where(tokens.c.revoked_at.is_(None), _UNEXPIRED)
    return valid.values(revoked_at=_NOW, used_at=_NOW).returning(tokens.c.owner)


_INSERT_OWNER = CompiledStatement(_insert_owner())
_UPDATE_OWNER = CompiledStatement(_update_owner())
_INSERT_USAGE = CompiledStatement(insert(usage).values(id=bindparam("id")).on_conflict_do_nothing())
_DELETE_GRANTS = CompiledStatement(delete(grants).where(grants.c.owner == bindparam("owner")))
_INSERT_GRANT = CompiledStatement(insert(grants))
_SET_SEEN = CompiledStatement(update(owners).where(owners.c.id == bindparam("owner")).values(seen_at=_NOW))
_SET_USED = CompiledStatement(update(tokens).where(_BY_ID).values(used_at=_NOW))
_INSERT_TOKEN = CompiledStatement(insert(tokens))
_DELETE_EXPIRED = CompiledStatement(delete(tokens).where(tokens.c.expires_at <= _NOW, or_(_IS_SESSION, _IS_INVITATION)))
_USE_INVITATION = CompiledStatement(_use_invitation())
_VALID_TOKEN = CompiledStatement(
    select(tokens.c.id).where(_BY_ID, tokens.c.revoked_at.is_(None), _UNEXPIRED).with_for_update()
)
_REVOKE = CompiledStatement(update(tokens).where(_BY_ID, ~_IS_SESSION).values(revoked_at=_NOW))
_DELETE_SESSION = CompiledStatement(delete(tokens).where(_BY_ID, _IS_SESSION))
_REVOKE_ALL = CompiledStatement(
    update(tokens).where(*_OF_OWNER, ~_IS_SESSION).values(revoked_at=func.coalesce(tokens.c.revoked_at, _NOW))
)
_DELETE_SESSIONS = CompiledStatement(delete(tokens).where(*_OF_OWNER, _IS_SESSION))


def add_owner(owner: Owner, name_key: str | None) -> Change:
    """Insert an owner, its collections and its usage; refused if the name is taken."""
    rows = [_INSERT_OWNER.bind(owner_row(owner, name_key)), _INSERT_USAGE.bind({"id": owner.id})]
    return Change([*rows, *_insert_grants(owner)], guard=0)


def save_owner(owner: Owner, name_key: str | None) -> Change:
    """Update an owner and replace its collections; refused if there is none, or the name is taken."""
    row = {name: value for name, value in owner_row(owner, name_key).items() if name not in _UNCHANGED}
    row["row_id"] = owner.id
    return Change([_UPDATE_OWNER.bind(row), _DELETE_GRANTS.bind({"owner": owner.id}), *_insert_grants(owner)], guard=0)


def note_seen(owner_id: str, token_id: str, now: int) -> Change:
    """Set when an owner was last seen, and a token last used."""
    seen, used = {"owner": owner_id, "now": now}, {"token_id": token_id, "now": now}
    return Change([_SET_SEEN.bind(seen), _SET_USED.bind(used)])


def add_token(token: Token, digest: bytes) -> Change:
    """Insert a token, and delete what has expired and is not listed."""
    expired: dict[str, Any] = {"now": token.created_at}
    return Change([_DELETE_EXPIRED.bind(expired), _INSERT_TOKEN.bind(token_row(token, digest))])


def use_invitation(digest: bytes, now: int) -> Change:
    """Revoke a valid invitation and return its owner; refused without one."""
    return Change([_USE_INVITATION.bind({"digest": digest, "now": now})], guard=0)


def revoke_token(token_id: str, now: int) -> Change:
    """Revoke a token, delete a session; refused if there is none that is valid."""
    values = {"token_id": token_id, "now": now}
    return Change([statement.bind(values) for statement in (_VALID_TOKEN, _REVOKE, _DELETE_SESSION)], guard=0)


def revoke_tokens_of(owner_id: str, kinds: Collection[TokenKind], now: int) -> Change:
    """Revoke an owner's tokens of these kinds, and delete the sessions."""
    values = {"owner": owner_id, "kinds": [kind.value for kind in kinds]}
    return Change([_REVOKE_ALL.bind(values | {"now": now}), _DELETE_SESSIONS.bind(values)])


def _insert_grants(owner: Owner) -> list[Statement]:
    return [_INSERT_GRANT.bind({"owner": owner.id, "collection": granted}) for granted in sorted(owner.collections)]
