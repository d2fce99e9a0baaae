"""The tables of people, guest links, tokens and collections, and the audit trail. Units are those of `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from media_service.catalogue.metadata import metadata

owners = Table(
    "owners",
    metadata,
    # Persons and links: `person:ID` and `link:ID`. A browser without an account has no row.
    Column("id", String(40), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("role", String(8), nullable=False),
    Column("name", Text, nullable=False),
    # The folded name, by which a person signs in. Links have none: their titles may be equal.
    Column("name_key", Text, unique=True),
    Column("password", Text),
    # Whether an editor has all collections, instead of those in `grants`.
    Column("all_collections", Integer, nullable=False, server_default="0"),
    # Limits; NULL means that of the settings.
    *(Column(name, BigInteger) for name in ("files_max", "bytes_max", "file_bytes_max")),
    Column("created_by", String(40)),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger),
    Column("disabled_at", BigInteger),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(22), primary_key=True),
    # NULL: a browser that signed in with the admin token.
    Column("owner", String(40), ForeignKey("owners.id")),
    # `api`, `session`, `link` or `invitation`.
    Column("kind", String(10), nullable=False),
    # SHA-256 of the token; of a session, the HMAC of the cookie's value under the admin token.
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    # Names of scopes, separated by blanks.
    Column("scopes", Text, nullable=False, server_default=""),
    Column("collection", String(22)),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("used_at", BigInteger),
    Column("revoked_at", BigInteger),
    # Of a session: the browser's name for itself, and its address.
    Column("agent", Text),
    Column("address", Text),
    Index("ix_tokens_owner", "owner"),
)

links = Table(
    "links",
    metadata,
    # The terms of a guest link, whose row in `owners` has its limits.
    Column("owner", String(40), ForeignKey("owners.id"), primary_key=True),
    Column("note", Text, nullable=False, server_default=""),
    # What is asked of guests: `{"name": "required", "email": "optional", "title": "no"}`.
    Column("asks", Text, nullable=False, server_default="{}"),
    Column("opens_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("passphrase", Text),
    Column("allowed_origins", Text, nullable=False, server_default="[]"),
    Column("reference", Text),
    Column("collection", String(22)),
    Column("closed_at", BigInteger),
    Index("ix_links_collection", "collection"),
)

collections = Table(
    "collections",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    # Tags of files that have none of their own, as JSON; and the picture of those without a cover.
    Column("default_tags", Text, nullable=False, server_default="{}"),
    Column("cover", LargeBinary),
    Column("bytes_max", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
)

grants = Table(
    "grants",
    metadata,
    # The collections that a person may work in.
    Column("owner", String(40), ForeignKey("owners.id"), primary_key=True),
    Column("collection", String(22), ForeignKey("collections.id"), primary_key=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    # The owner that acted, and its name then; NULL and "" for the service itself.
    Column("actor", String(64)),
    Column("actor_name", Text, nullable=False, server_default=""),
    Column("token", String(22)),
    Column("address", Text),
    Column("action", String(32), nullable=False),
    # The id of what was acted on, and its name then.
    Column("subject", String(64)),
    Column("subject_name", Text, nullable=False, server_default=""),
    Column("outcome", String(32), nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),
    Index("ix_audit_at_id", "at", "id"),
    Index("ix_audit_actor_at_id", "actor", "at", "id"),
    Index("ix_audit_subject_at_id", "subject", "at", "id"),
)
