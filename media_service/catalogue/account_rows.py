"""Convert between rows of owners and tokens and the values of `core.accounts`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from media_service.catalogue.coercion import UnreadableRow, end_time, id_of, integer, member, text, text_or_none
from media_service.core.access import Role, Scope
from media_service.core.accounts import Credential, Owner, OwnerKind, OwnerLimits, Token, TokenKind

if TYPE_CHECKING:
    from media_service.catalogue.engine import Row

TOKEN_PREFIX = "token_"  # noqa: S105  # not a password
"""Begins the names of a token's columns in a row that has its owner's too."""

_OWNER_ID = re.compile(r"[a-z]{1,16}:[A-Za-z0-9_-]{1,64}", re.ASCII)


def owner_row(owner: Owner, name_key: str | None) -> dict[str, Any]:
    """Return the columns of `owners` for this owner."""
    return {
        "id": owner.id,
        "kind": owner.kind.value,
        "role": owner.role.value,
        "name": owner.name,
        "name_key": name_key,
        "password": owner.password,
        "all_collections": int(owner.all_collections),
        "files_max": owner.limits.files,
        "bytes_max": owner.limits.bytes,
        "file_bytes_max": owner.limits.file_bytes,
        "created_by": owner.created_by,
        "created_at": owner.created_at,
        "seen_at": owner.seen_at,
        "disabled_at": owner.disabled_at,
    }


def owner_value(row: Row) -> Owner:
    """Return the owner of a row of `account_reads`. Raise UnreadableRow."""
    kind, role = member(OwnerKind, row["kind"]), member(Role, row["role"])
    if kind is None or role is None:
        raise UnreadableRow("kind" if kind is None else "role")
    return Owner(
        id=_owner_id(row["id"]),
        kind=kind,
        role=role,
        name=text(row["name"]),
        password=text_or_none(row["password"]),
        all_collections=row["all_collections"] == 1,
        collections=frozenset(text(row["collections"]).split()),
        limits=OwnerLimits(
            files=integer(row["files_max"]),
            bytes=integer(row["bytes_max"]),
            file_bytes=integer(row["file_bytes_max"]),
        ),
        created_by=text_or_none(row["created_by"]),
        created_at=integer(row["created_at"]) or 0,
        seen_at=integer(row["seen_at"]),
        disabled_at=end_time(row, "disabled_at"),
    )


def token_row(token: Token, digest: bytes) -> dict[str, Any]:
    """Return the columns of `tokens` for this token."""
    return {
        "id": token.id,
        "owner": token.owner,
        "kind": token.kind.value,
        "digest": digest,
        "name": token.name,
        "scopes": " ".join(scope.value for scope in Scope if scope in token.scopes),
        "collection": token.collection,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
        "revoked_at": token.revoked_at,
        "agent": token.agent,
        "address": token.address,
    }


def token_value(row: Row, prefix: str = "") -> Token:
    """Return the token of a row, whose columns begin with this prefix. Raise UnreadableRow."""
    kind = member(TokenKind, row[f"{prefix}kind"])
    if kind is None:
        raise UnreadableRow("kind")
    owner = row[f"{prefix}owner"]
    scopes = (member(Scope, name) for name in text(row[f"{prefix}scopes"]).split())
    return Token(
        id=id_of(row, f"{prefix}id"),
        kind=kind,
        owner=None if owner is None else _owner_id(owner),
        name=text(row[f"{prefix}name"]),
        scopes=frozenset(scope for scope in scopes if scope is not None),
        collection=text_or_none(row[f"{prefix}collection"]),
        created_at=integer(row[f"{prefix}created_at"]) or 0,
        expires_at=end_time(row, f"{prefix}expires_at"),
        used_at=integer(row[f"{prefix}used_at"]),
        revoked_at=end_time(row, f"{prefix}revoked_at"),
        agent=text_or_none(row[f"{prefix}agent"]),
        address=text_or_none(row[f"{prefix}address"]),
    )


def credential_value(row: Row) -> Credential:
    """Return the token and the owner of a row of `account_reads.credential`. Raise UnreadableRow."""
    token = token_value(row, TOKEN_PREFIX)
    return Credential(token, None if token.owner is None else owner_value(row))


def _owner_id(value: object) -> str:
    if not isinstance(value, str) or not _OWNER_ID.fullmatch(value):
        raise UnreadableRow("id")
    return value
