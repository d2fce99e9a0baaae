"""Read owners and tokens. Each function is one statement, compiled once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select, tuple_

from media_service.catalogue.access_tables import grants, owners, tokens
from media_service.catalogue.account_rows import TOKEN_PREFIX
from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.pagination import decode_cursor
from media_service.core.access import Role
from media_service.core.accounts import OwnerKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Select

    from media_service.catalogue.compiled import Statement

_BLANK: Any = literal_column("' '")  # SQLAlchemy would write a bound one into the text at each call

# Of the owner in the enclosing statement, separated by blanks; NULL without any.
_COLLECTIONS = (
    select(func.aggregate_strings(grants.c.collection, _BLANK))
    .where(grants.c.owner == owners.c.id)
    .scalar_subquery()
    .label("collections")
)
_OWNERS = (*owners.columns, _COLLECTIONS)
_NEWEST_OWNERS = owners.c.created_at.desc(), owners.c.id.desc()


def _newest_tokens(query: Select[Any]) -> Select[Any]:
    return query.order_by(tokens.c.created_at.desc(), tokens.c.id.desc())


@compiled
def credential(digest: bytes) -> Select[Any]:
    """Read the token with this digest, and its owner."""
    token = (column.label(f"{TOKEN_PREFIX}{column.name}") for column in tokens.columns)
    joined = tokens.outerjoin(owners, owners.c.id == tokens.c.owner)
    return select(*token, *_OWNERS).select_from(joined).where(tokens.c.digest == digest)


@compiled
def owner_by_id(owner_id: str) -> Select[Any]:
    """Read the owner."""
    return select(*_OWNERS).where(owners.c.id == owner_id)


@compiled
def person_named(name_key: str) -> Select[Any]:
    """Read the person with this folded name."""
    return select(*_OWNERS).where(owners.c.name_key == name_key, owners.c.kind == OwnerKind.PERSON.value)


def owners_page(kind: OwnerKind, cursor: str | None, limit: int) -> Statement:
    """Read one owner more than the page has, newest first. Raise Malformed."""
    values: dict[str, Any] = {"kind": kind.value, "rows": limit + 1}
    if cursor is not None:
        values["created_at"], values["last_id"] = decode_cursor(cursor, int, str)
    return _owners_page(after=cursor is not None).bind(values)


@compiled
def active_admins() -> Select[Any]:
    """Read the id of a person who is an admin and not disabled."""
    is_admin = owners.c.kind == OwnerKind.PERSON.value, owners.c.role == Role.ADMIN.value
    return select(owners.c.id).where(*is_admin, owners.c.disabled_at.is_(None)).limit(1)


@compiled
def token_by_id(token_id: str) -> Select[Any]:
    """Read the token."""
    return select(tokens).where(tokens.c.id == token_id)


@compiled
def tokens_of(owner_id: str | None, kinds: Collection[str]) -> Select[Any]:
    """Read the tokens of one owner, newest first; None for those without an owner."""
    return _newest_tokens(select(tokens).where(tokens.c.owner.is_not_distinct_from(owner_id), tokens.c.kind.in_(kinds)))


@compiled
def tokens_of_all(kinds: Collection[str]) -> Select[Any]:
    """Read the tokens of every owner, newest first."""
    return _newest_tokens(select(tokens).where(tokens.c.kind.in_(kinds)))


@lru_cache
def _owners_page(*, after: bool) -> CompiledStatement:
    page = select(*_OWNERS).where(owners.c.kind == bindparam("kind"))
    if after:
        key = tuple_(owners.c.created_at, owners.c.id)
        page = page.where(key < tuple_(bindparam("created_at"), bindparam("last_id")))
    return CompiledStatement(page.order_by(*_NEWEST_OWNERS).limit(bindparam("rows")))
