"""The version of an upload's row, and an index of open uploads by address. Runs before the code that knows of it.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: other tables point to this one.
    op.add_column("uploads", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    address = sa.column("address")
    op.create_index("ix_uploads_address", "uploads", ["address"], sqlite_where=address.is_not(None))


def downgrade() -> None:
    op.drop_index("ix_uploads_address", "uploads")
    op.drop_column("uploads", "version")
