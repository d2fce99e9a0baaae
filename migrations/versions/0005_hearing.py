"""What a decoder heard in finished files. Runs before the code that knows of it.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("file_id", sa.String(length=22), nullable=False),
        sa.Column("loudness", sa.Float(), nullable=True),
        sa.Column("loudness_range", sa.Float(), nullable=True),
        sa.Column("true_peak", sa.Float(), nullable=True),
        sa.Column("silence_before", sa.Float(), nullable=True),
        sa.Column("silence_behind", sa.Float(), nullable=True),
        sa.Column("peaks", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_heard_file_id_files")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_heard")),
    )


def downgrade() -> None:
    op.drop_table("heard")
