"""Statements about guest links."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, or_, select, tuple_, update

from media_service.catalogue.access_tables import collections, links, owners, tokens
from media_service.catalogue.compiled import CompiledStatement, Statement, compiled
from media_service.catalogue.constructs import contains, insert
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.reads import ONE
from media_service.catalogue.tables import uploads, usage
from media_service.core.accounts import TokenKind

if TYPE_CHECKING:
    from sqlalchemy import Select

    from media_service.core.access import Viewer

_OWNER_COLUMNS = ("name", "files_max", "bytes_max", "file_bytes_max", "created_by", "created_at")
_FIXED = {"created_by", "created_at"}
_creators = owners.alias("creators")


def _binds(*names: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


_CHANGED_OWNER = _binds(*(name for name in _OWNER_COLUMNS if name not in _FIXED))
_CHANGED_LINK = _binds(*(column.name for column in links.columns if column.name != "owner"))
_VALID_TOKENS = tokens.c.owner == bindparam("row_id"), tokens.c.revoked_at.is_(None)

INSERT_OWNER = CompiledStatement(insert(owners).values(_binds("id", "kind", "role", *_OWNER_COLUMNS)))
INSERT_USAGE = CompiledStatement(insert(usage).values(_binds("id")))
INSERT_LINK = CompiledStatement(insert(links).values(_binds(*(column.name for column in links.columns))))
INSERT_TOKEN = CompiledStatement(insert(tokens))
UPDATE_LINK = CompiledStatement(update(links).where(links.c.owner == bindparam("row_id")).values(_CHANGED_LINK))
UPDATE_OWNER = CompiledStatement(update(owners).where(owners.c.id == bindparam("row_id")).values(_CHANGED_OWNER))
UPDATE_TOKENS = CompiledStatement(update(tokens).where(*_VALID_TOKENS).values(_binds("collection")))
REVOKE_TOKENS = CompiledStatement(update(tokens).where(*_VALID_TOKENS).values(revoked_at=bindparam("now")))


def _links() -> Select[Any]:
    """Return links with the columns of their owners."""
    terms = [column for column in links.columns if column.name != "owner"]
    own = [owners.c[name] for name in ("id", *_OWNER_COLUMNS)]
    return select(*own, *terms).join(links, links.c.owner == owners.c.id)


def _listed_links() -> Select[Any]:
    """Return links with their usage, the slug of their collection, and the name of who created them."""
    return (
        _links()
        .add_columns(usage.c.files, usage.c.bytes, usage.c.reserved_files, usage.c.reserved_bytes)
        .add_columns(collections.c.slug.label("collection_slug"), _creators.c.name.label("creator_name"))
        .outerjoin(usage, usage.c.id == owners.c.id)
        .outerjoin(collections, collections.c.id == links.c.collection)
        .outerjoin(_creators, _creators.c.id == owners.c.created_by)
    )


@compiled
def link_by_id(link_id: str) -> Select[Any]:
    """Read the link."""
    return _links().where(owners.c.id == link_id)


@compiled
def listed_link(link_id: str) -> Select[Any]:
    """Read the link as listings show it."""
    return _listed_links().where(owners.c.id == link_id)


@compiled
def listed_link_by_digest(digest: bytes) -> Select[Any]:
    """Read the link of a secret that was not replaced."""
    is_secret = tokens.c.digest == digest, tokens.c.kind == TokenKind.LINK.value, tokens.c.revoked_at.is_(None)
    return _listed_links().join(tokens, tokens.c.owner == owners.c.id).where(*is_secret)


@compiled
def links_with_origin(origin: str) -> Select[Any]:
    """Read whether a link names this origin, which is a string of JSON."""
    return select(ONE).where(contains(links.c.allowed_origins, origin)).limit(ONE)


def links_page(viewer: Viewer | None, cursor: str | None, limit: int) -> Statement:
    """Read one link more than the page has, newest first, of those that the viewer may see. Raise Malformed."""
    values: dict[str, Any] = {"rows": limit + 1}
    if viewer is not None:
        values |= {"creators": sorted(viewer.owners), "shows": sorted(viewer.collections)}
    if cursor is not None:
        values["last_at"], values["last_id"] = decode_cursor(cursor, int, str)
    return _links_page(by_viewer=viewer is not None, after=cursor is not None).bind(values)


@lru_cache
def _links_page(*, by_viewer: bool, after: bool) -> CompiledStatement:
    key = owners.c.created_at, owners.c.id
    query = _listed_links()
    if by_viewer:
        created = owners.c.created_by.in_(bindparam("creators", expanding=True))
        own = and_(created, links.c.collection.is_(None))
        query = query.where(or_(own, links.c.collection.in_(bindparam("shows", expanding=True))))
    if after:
        query = query.where(tuple_(*key) < tuple_(bindparam("last_at"), bindparam("last_id")))
    return CompiledStatement(query.order_by(*(column.desc() for column in key)).limit(bindparam("rows")))


def guest_uploads_page(link_id: str, owner: str, cursor: str | None, limit: int) -> Statement:
    """Read one upload more than the page has of those that an owner sent by a link, newest first. Raise Malformed."""
    values: dict[str, Any] = {"rows": limit + 1, "account": link_id, "owner": owner}
    if cursor is not None:
        values["last_at"], values["last_id"] = decode_cursor(cursor, int, str)
    return _guest_uploads_page(after=cursor is not None).bind(values)


@lru_cache
def _guest_uploads_page(*, after: bool) -> CompiledStatement:
    key = uploads.c.created_at, uploads.c.id
    own = uploads.c.account == bindparam("account"), uploads.c.owner == bindparam("owner")
    query = select(uploads.c.id, uploads.c.created_at).where(*own)
    if after:
        query = query.where(tuple_(*key) < tuple_(bindparam("last_at"), bindparam("last_id")))
    return CompiledStatement(query.order_by(*(column.desc() for column in key)).limit(bindparam("rows")))
