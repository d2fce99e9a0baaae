"""People, tokens, guest links, collections, quotas and the audit trail. Runs before the code that knows of them.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = (
    ("uploads", ["account"]),
    ("uploads", ["collection", "state", "created_at", "id"]),
    ("listed_files", ["collection", "number"]),
    ("listed_files", ["account", "number"]),
)
"""Of rows whose first column is not NULL."""

ENDED = ("spooled", "rejected", "cancelled", "expired", "lost")

FIRST_CHARGE = 64 * 1024 * 1024


def upgrade() -> None:
    _create_tables()
    # Added in place and not by a copy: other tables point to these.
    for table in ("uploads", "files"):
        op.add_column(table, sa.Column("account", sa.String(40)))
        op.add_column(table, sa.Column("collection", sa.String(22)))
        op.add_column(table, sa.Column("email", sa.Text()))
    op.add_column("uploads", sa.Column("charged", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("listed_files", sa.Column("collection", sa.String(22)))
    op.add_column("listed_files", sa.Column("account", sa.String(40)))
    for table, columns in INDEXES:
        where = sa.column(columns[0]).is_not(None)
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns, sqlite_where=where)
    _count_usage()
    # Their cookie has another name now.
    op.drop_table("sessions")


def downgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.drop_column("uploads", "charged")
    for table, columns in INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    for name in ("account", "collection"):
        op.drop_column("listed_files", name)
    for table in ("uploads", "files"):
        for name in ("email", "collection", "account"):
            op.drop_column(table, name)
    for table in ("audit", "usage", "grants", "collections", "links", "tokens", "owners"):
        op.drop_table(table)


def _count_usage() -> None:
    """Count what the service has for its quota: files, and the announced bytes of open uploads.

    Without a length, an upload has reserved FIRST_CHARGE, or what its bytes need. Of rejected files it is not known
    which the quarantine still has: they count nothing.
    """
    uploads = sa.table("uploads", *map(sa.column, ("id", "state", "length", "charged")))
    slices = sa.table("slices", sa.column("upload_id"), sa.column("stop"))
    is_open = uploads.c.state.not_in(ENDED)
    stop = sa.select(sa.func.max(slices.c.stop)).where(slices.c.upload_id == uploads.c.id).scalar_subquery()
    step = sa.case((stop > FIRST_CHARGE, stop), else_=FIRST_CHARGE)
    op.execute(sa.update(uploads).where(is_open).values(charged=sa.func.coalesce(uploads.c.length, step)))
    files = sa.table("files", sa.column("size"))
    counts = [
        sa.select(sa.func.count()).select_from(files),
        sa.select(sa.func.coalesce(sa.func.sum(files.c.size), 0)),
        sa.select(sa.func.count()).select_from(uploads).where(is_open),
        sa.select(sa.func.coalesce(sa.func.sum(uploads.c.charged), 0)).where(is_open),
    ]
    names = ["id", "files", "bytes", "reserved_files", "reserved_bytes"]
    usage = sa.table("usage", *map(sa.column, names))
    row = sa.select(sa.literal("service"), *(count.scalar_subquery() for count in counts))
    op.execute(sa.insert(usage).from_select(names, row))


def _create_tables() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text()),
        sa.Column("password", sa.Text()),
        sa.Column("all_collections", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("files_max", sa.BigInteger()),
        sa.Column("bytes_max", sa.BigInteger()),
        sa.Column("file_bytes_max", sa.BigInteger()),
        sa.Column("created_by", sa.String(40)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
        sa.UniqueConstraint("name_key", name=op.f("uq_owners_name_key")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("owner", sa.String(40)),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("scopes", sa.Text(), nullable=False, server_default=""),
        sa.Column("collection", sa.String(22)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("used_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("agent", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.ForeignKeyConstraint(["owner"], ["owners.id"], name=op.f("fk_tokens_owner")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_index("ix_tokens_owner", "tokens", ["owner"])
    op.create_table(
        "links",
        sa.Column("owner", sa.String(40), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("asks", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("opens_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("passphrase", sa.Text()),
        sa.Column("allowed_origins", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("reference", sa.Text()),
        sa.Column("collection", sa.String(22)),
        sa.Column("closed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_links")),
        sa.ForeignKeyConstraint(["owner"], ["owners.id"], name=op.f("fk_links_owner")),
    )
    op.create_index("ix_links_collection", "links", ["collection"])
    op.create_table(
        "collections",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("default_tags", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("cover", sa.LargeBinary()),
        sa.Column("bytes_max", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collections")),
        sa.UniqueConstraint("slug", name=op.f("uq_collections_slug")),
    )
    op.create_table(
        "grants",
        sa.Column("owner", sa.String(40), nullable=False),
        sa.Column("collection", sa.String(22), nullable=False),
        sa.PrimaryKeyConstraint("owner", "collection", name=op.f("pk_grants")),
        sa.ForeignKeyConstraint(["owner"], ["owners.id"], name=op.f("fk_grants_owner")),
        sa.ForeignKeyConstraint(["collection"], ["collections.id"], name=op.f("fk_grants_collection")),
    )
    op.create_table(
        "usage",
        sa.Column("id", sa.String(48), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
            for name in ("files", "bytes", "reserved_files", "reserved_bytes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(64)),
        sa.Column("actor_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("token", sa.String(22)),
        sa.Column("address", sa.Text()),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64)),
        sa.Column("subject_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("details", sa.Text(), nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at_id", "audit", ["at", "id"])
    op.create_index("ix_audit_actor_at_id", "audit", ["actor", "at", "id"])
    op.create_index("ix_audit_subject_at_id", "audit", ["subject", "at", "id"])
