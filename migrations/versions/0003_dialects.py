"""What tus and the IETF draft need of an upload. Runs before the code that knows of it.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: files and slices point to this table.
    op.add_column("uploads", sa.Column("held_open", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("uploads", sa.Column("remembered", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("uploads", "remembered")
    op.drop_column("uploads", "held_open")
