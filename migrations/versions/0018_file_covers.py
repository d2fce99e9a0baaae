"""Whether a finished file has a cover.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of the files that are there it is NULL: only their bytes say it, and the first request for the cover saves it.
    op.add_column("files", sa.Column("has_cover", sa.Integer()))


def downgrade() -> None:
    op.drop_column("files", "has_cover")
