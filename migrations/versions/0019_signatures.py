"""Listed files get the signature of their text, and the indexes of their orders what most searches rule out files by.

Revision ID: 0019
Revises: 0018
"""

from functools import partial

import sqlalchemy as sa
from alembic import op

from media_service.catalogue.coercion import text
from media_service.catalogue.gram_index import CREATE_GRAMS_INDEX, VACUUM_SOON
from media_service.catalogue.text_index import SIGNATURE_COLUMNS, grams_of_text, signature_of

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROWS = 5000
"""Files that are in memory at a time."""

ORDERS = ("uploaded_at", "title", "artist", "duration", "size", "filename")
COVERED = (*SIGNATURE_COLUMNS, "uploaded_at", "taken", "collection", "account")
LISTED = sa.table("listed_files", *map(sa.column, ("number", "text")))
UPDATE = (
    sa.update(sa.table("listed_files", *map(sa.column, ("number", *SIGNATURE_COLUMNS))))
    .where(sa.column("number") == sa.bindparam("of_number"))
    .values({name: sa.bindparam(name) for name in SIGNATURE_COLUMNS})
)


def upgrade() -> None:
    # Added in place and not by a copy. All bits: a row that is left out is compared by every search.
    for name in SIGNATURE_COLUMNS:
        op.add_column("listed_files", sa.Column(name, sa.BigInteger(), nullable=False, server_default="-1"))
    _drop_orders()
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # A changed row is entered into each index anew: filling them once is faster.
        op.drop_index("ix_listed_files_grams", "listed_files")
        _fill(connection)
        # Every row is there twice now.
        op.execute("CLUSTER listed_files USING pk_listed_files")
        for statement in [*CREATE_GRAMS_INDEX, *VACUUM_SOON]:
            op.execute(statement)
    else:
        # One text that is not UTF-8 would otherwise stop the migration.
        connection.connection.driver_connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        _fill(connection)
        connection.connection.driver_connection.text_factory = str
    for column in ORDERS:
        columns = [column, "number", *(name for name in COVERED if name != column)]
        op.create_index(f"ix_listed_files_{column}_number", "listed_files", columns)


def downgrade() -> None:
    _drop_orders()
    for name in SIGNATURE_COLUMNS:
        op.drop_column("listed_files", name)
    for column in ORDERS:
        op.create_index(f"ix_listed_files_{column}_number", "listed_files", [column, "number"])


def _drop_orders() -> None:
    for column in ORDERS:
        op.drop_index(f"ix_listed_files_{column}_number", "listed_files")


def _fill(connection) -> None:
    query = sa.select(LISTED).order_by(LISTED.c.number).limit(ROWS)
    last = 0
    while files := connection.execute(query.where(LISTED.c.number > last)).all():
        connection.execute(UPDATE, [{"of_number": number, **_signature(searched)} for number, searched in files])
        last = files[-1].number


def _signature(searched):
    return signature_of(grams_of_text(text(searched)))
