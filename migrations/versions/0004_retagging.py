"""What is about to take a finished file's place, while its tags are edited. Runs before the code that knows of it.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: uploads are pointed to from this table.
    op.add_column("files", sa.Column("retagging", sa.Text()))


def downgrade() -> None:
    op.drop_column("files", "retagging")
