"""Times of files that are no dates. 0.1 stored them, and could then not write them into a listing.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # From 1970-01-01 up to, and without, 9999-12-31, in microseconds.
    op.execute("UPDATE uploads SET last_modified = NULL WHERE NOT last_modified BETWEEN 0 AND 253402214399999999")


def downgrade() -> None:
    pass
