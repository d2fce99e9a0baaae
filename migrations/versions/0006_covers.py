"""Covers and chapters that clients send. Runs before the code that knows of them.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: other tables point to these.
    op.add_column("uploads", sa.Column("cover", sa.Text()))
    op.add_column("uploads", sa.Column("chapters", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("files", sa.Column("chapters", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "covers",
        sa.Column("upload_id", sa.String(length=22), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_covers_upload_id_uploads")),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_covers")),
    )


def downgrade() -> None:
    op.drop_table("covers")
    op.drop_column("files", "chapters")
    op.drop_column("uploads", "chapters")
    op.drop_column("uploads", "cover")
