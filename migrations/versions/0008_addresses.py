"""The address from which an open upload was created. Runs before the code that knows of it.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place and not by a copy: other tables point to this one.
    op.add_column("uploads", sa.Column("address", sa.Text()))


def downgrade() -> None:
    op.drop_column("uploads", "address")
