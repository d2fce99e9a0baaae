"""Owners and tokens, over the connections of the catalogue."""
# ruff: noqa: D102  # the port has the contract

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue import account_reads, account_writes
from media_service.catalogue.account_rows import credential_value, owner_value, token_value
from media_service.catalogue.audit import with_entry
from media_service.catalogue.change import Refused
from media_service.catalogue.coercion import readable, text_or_none
from media_service.catalogue.pagination import split_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.change import Change
    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader, Writer
    from media_service.core.accounts import Credential, Owner, OwnerKind, Token, TokenKind
    from media_service.core.audit import AuditEntry


class CatalogueAccounts:
    """Adapter of `core.ports.accounts.Accounts`. A row that cannot be read is logged, and counts as missing."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def credential(self, digest: bytes) -> Credential | None:
        found = readable(credential_value, await self._reader.rows(account_reads.credential(digest)))
        return found[0] if found else None

    async def owner(self, owner_id: str) -> Owner | None:
        return await self._first_owner(account_reads.owner_by_id(owner_id))

    async def person_named(self, name_key: str) -> Owner | None:
        return await self._first_owner(account_reads.person_named(name_key))

    async def owners(self, kind: OwnerKind, cursor: str | None, limit: int) -> tuple[list[Owner], str | None]:
        rows = await self._reader.rows(account_reads.owners_page(kind, cursor, limit))
        page, following = split_page(rows, limit, "created_at", "id")
        return readable(owner_value, page), following

    async def has_admin(self) -> bool:
        return bool(await self._reader.rows(account_reads.active_admins()))

    async def add_owner(self, owner: Owner, name_key: str | None, entry: AuditEntry | None = None) -> bool:
        return await self._is_done(account_writes.add_owner(owner, name_key), entry)

    async def save_owner(self, owner: Owner, name_key: str | None, entry: AuditEntry | None = None) -> bool:
        return await self._is_done(account_writes.save_owner(owner, name_key), entry)

    async def note_seen(self, owner_id: str, token_id: str, now: int) -> None:
        await self._writer.execute(account_writes.note_seen(owner_id, token_id, now))

    async def add_token(self, token: Token, digest: bytes, entry: AuditEntry | None = None) -> None:
        await self._writer.execute(with_entry(account_writes.add_token(token, digest), entry))

    async def tokens(self, owner_id: str | None, kinds: Sequence[TokenKind]) -> Sequence[Token]:
        names = [kind.value for kind in kinds]
        every = account_reads.tokens_of_all
        statement = every(names) if owner_id == "" else account_reads.tokens_of(owner_id, names)
        return readable(token_value, await self._reader.rows(statement))

    async def token(self, token_id: str) -> Token | None:
        found = readable(token_value, await self._reader.rows(account_reads.token_by_id(token_id)))
        return found[0] if found else None

    async def use_invitation(self, digest: bytes, now: int) -> str | None:
        try:
            ((owner_id,),) = await self._writer.execute(account_writes.use_invitation(digest, now))
        except Refused:
            return None
        return text_or_none(owner_id)

    async def revoke_token(self, token_id: str, now: int, entry: AuditEntry | None = None) -> bool:
        return await self._is_done(account_writes.revoke_token(token_id, now), entry)

    async def revoke_tokens_of(
        self, owner_id: str, kinds: Sequence[TokenKind], now: int, entry: AuditEntry | None = None
    ) -> None:
        await self._writer.execute(with_entry(account_writes.revoke_tokens_of(owner_id, kinds, now), entry))

    async def _first_owner(self, statement: Statement) -> Owner | None:
        found = readable(owner_value, await self._reader.rows(statement))
        return found[0] if found else None

    async def _is_done(self, change: Change, entry: AuditEntry | None) -> bool:
        """Return whether the change was done; False if it was refused."""
        try:
            await self._writer.execute(with_entry(change, entry))
        except Refused:
            return False
        return True
