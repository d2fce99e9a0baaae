"""Objects: the slices of stores in which each attempt at one is an object of its own.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place: of a large installation this is the table with the most rows.
    op.add_column("slices", sa.Column("object", sa.String(32)))


def downgrade() -> None:
    op.drop_column("slices", "object")
