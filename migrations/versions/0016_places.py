"""Places of files: spool, trash, taken, purged.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: other tables point to it.
    for column in (
        sa.Column("place", _text(8), nullable=False, server_default="spool"),
        sa.Column("moving", sa.Integer()),
        sa.Column("trashed_at", sa.BigInteger()),
        sa.Column("trashed_by", _text(64)),
        sa.Column("trashed_by_name", _text()),
        sa.Column("trash_reason", _text()),
        sa.Column("removed_at", sa.BigInteger()),
    ):
        op.add_column("files", column)
    where = sa.column("moving").is_not(None)
    op.create_index("ix_files_moving", "files", ["moving"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "trashed_files",
        sa.Column("file_id", _text(22), nullable=False),
        sa.Column("trashed_at", sa.BigInteger(), nullable=False),
        sa.Column("text", _text(), nullable=False),
        sa.Column("collection", _text(22)),
        sa.Column("account", _text(40)),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_trashed_files")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_trashed_files_file_id")),
    )
    op.create_index("ix_trashed_files_trashed_at_file_id", "trashed_files", ["trashed_at", "file_id"])


def downgrade() -> None:
    op.drop_table("trashed_files")
    op.drop_index("ix_files_moving", "files")
    for name in ("removed_at", "trash_reason", "trashed_by_name", "trashed_by", "trashed_at", "moving", "place"):
        op.drop_column("files", name)


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    """Return the type of a text, which PostgreSQL compares byte by byte, as `catalogue/schema.py` says."""
    plain, bytewise = (
        (sa.Text(), sa.Text(collation="C")) if length is None else (sa.String(length), sa.String(length, collation="C"))
    )
    return plain.with_variant(bytewise, "postgresql")
