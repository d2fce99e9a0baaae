"""Guest links: their rows in `owners`, `links` and `tokens`."""
# ruff: noqa: D102  # the port has the contracts

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from media_service.catalogue import guest_link_sql as sql
from media_service.catalogue.account_rows import token_row
from media_service.catalogue.audit import insert_entry
from media_service.catalogue.change import Change, Refused
from media_service.catalogue.coercion import readable
from media_service.catalogue.guest_link_rows import link_row, link_value, listed_link_value, owner_row
from media_service.catalogue.pagination import split_page
from media_service.core.errors.links import UnknownLink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader, Row, Writer
    from media_service.core.access import Viewer
    from media_service.core.accounts import Token
    from media_service.core.audit import AuditEntry
    from media_service.core.guest_links import GuestLink, ListedLink

T = TypeVar("T")


class CatalogueGuestLinks:
    """Adapter of `core.ports.guest_links.GuestLinks`. A row that cannot be read is logged, and counts as missing."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def link(self, link_id: str) -> GuestLink | None:
        return await self._first(sql.link_by_id(link_id), link_value)

    async def listed(self, link_id: str) -> ListedLink | None:
        return await self._first(sql.listed_link(link_id), listed_link_value)

    async def listed_of_secret(self, digest: bytes) -> ListedLink | None:
        return await self._first(sql.listed_link_by_digest(digest), listed_link_value)

    async def links(self, viewer: Viewer | None, cursor: str | None, limit: int) -> tuple[list[ListedLink], str | None]:
        rows = await self._reader.rows(sql.links_page(viewer, cursor, limit))
        page, following = split_page(rows, limit, "created_at", "id")
        return readable(listed_link_value, page), following

    async def add_link(self, link: GuestLink, token: Token, digest: bytes, entry: AuditEntry) -> None:
        statements = [
            sql.INSERT_OWNER.bind(owner_row(link)),
            sql.INSERT_USAGE.bind({"id": link.id}),
            sql.INSERT_LINK.bind(link_row(link)),
            sql.INSERT_TOKEN.bind(token_row(token, digest)),
            insert_entry(entry),
        ]
        await self._writer.execute(Change(statements))

    async def save_link(self, link: GuestLink, entry: AuditEntry) -> None:
        row = link_row(link) | owner_row(link) | {"row_id": link.id}
        updates = [statement.bind(row) for statement in (sql.UPDATE_LINK, sql.UPDATE_OWNER, sql.UPDATE_TOKENS)]
        try:
            await self._writer.execute(Change([*updates, insert_entry(entry)], guard=0))
        except Refused:
            raise UnknownLink from None

    async def replace_token(self, token: Token, digest: bytes, entry: AuditEntry) -> None:
        revoked = sql.REVOKE_TOKENS.bind({"row_id": token.owner, "now": token.created_at})
        inserted = sql.INSERT_TOKEN.bind(token_row(token, digest))
        await self._writer.execute(Change([revoked, inserted, insert_entry(entry)]))

    async def guest_uploads(
        self, link_id: str, owner: str, cursor: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]:
        rows = await self._reader.rows(sql.guest_uploads_page(link_id, owner, cursor, limit))
        page, following = split_page(rows, limit, "created_at", "id")
        return [row["id"] for row in page], following

    async def allows_origin(self, origin: str) -> bool:
        return bool(await self._reader.rows(sql.links_with_origin(json.dumps(origin))))

    async def _first(self, statement: Statement, value_of: Callable[[Row], T]) -> T | None:
        found = readable(value_of, await self._reader.rows(statement))
        return found[0] if found else None
