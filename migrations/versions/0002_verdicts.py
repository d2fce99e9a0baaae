"""Verdicts, the audio's own digest, further tags, and the name a file is about to get.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("placing", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("review", sa.String(length=8), nullable=True))

    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.add_column(sa.Column("more_tags", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("audio_sha256", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("grade", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("findings", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("audio", sa.Text(), nullable=True))
        batch_op.create_index("ix_files_audio_sha256", ["audio_sha256"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_index("ix_files_audio_sha256")
        batch_op.drop_column("audio")
        batch_op.drop_column("findings")
        batch_op.drop_column("grade")
        batch_op.drop_column("audio_sha256")
        batch_op.drop_column("more_tags")

    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_column("review")
        batch_op.drop_column("placing")
