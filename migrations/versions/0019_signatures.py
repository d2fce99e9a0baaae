"""Listed files get the signature of their text, and the indexes of their orders what most searches rule out files by.

Revision ID: 0019
Revises: 0018
"""

from functools import partial

import sqlalchemy as sa
from alembic import op

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
SIGNED = sa.table("listed_files", *map(sa.column, ("number", *SIGNATURE_COLUMNS)))
UPDATE = (
    sa.update(SIGNED)
    .where(SIGNED.c.number == sa.bindparam("of_number"))
    .values({name: sa.bindparam(name) for name in SIGNATURE_COLUMNS})
)
SIGNATURES = ", ".join(SIGNATURE_COLUMNS)
COLUMNS = "number, file_id, uploaded_at, title, artist, duration, size, filename, text, collection, account, taken"
BEFORE = (
    f"CREATE TEMPORARY TABLE unsigned ON COMMIT DROP AS SELECT {COLUMNS} FROM listed_files",  # noqa: S608  # constants
    f"CREATE TEMPORARY TABLE signatures (number bigint, {' bigint, '.join(SIGNATURE_COLUMNS)} bigint) ON COMMIT DROP",
)
COPY = f"COPY signatures (number, {SIGNATURES}) FROM STDIN"
AFTER = (
    "TRUNCATE listed_files",
    f"INSERT INTO listed_files ({COLUMNS}, {SIGNATURES}) SELECT {COLUMNS}, {SIGNATURES} "  # noqa: S608  # constants
    "FROM unsigned JOIN signatures USING (number) ORDER BY number",
)


def upgrade() -> None:
    # Added in place and not by a copy. All bits: a row that is left out is compared by every search.
    for name in SIGNATURE_COLUMNS:
        op.add_column("listed_files", sa.Column(name, sa.BigInteger(), nullable=False, server_default="-1"))
    _drop_orders()
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_index("ix_listed_files_grams", "listed_files")
        _fill_anew(connection)
        for statement in [*CREATE_GRAMS_INDEX, *VACUUM_SOON]:
            op.execute(statement)
    else:
        # One text that is not UTF-8 would otherwise stop the migration.
        connection.connection.driver_connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        for rows in _batches(connection):
            signed = [{"of_number": number, **_signature(text)} for number, text in rows if isinstance(text, str)]
            if signed:
                connection.execute(UPDATE, signed)
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


def _fill_anew(connection) -> None:
    """Insert all rows again, on PostgreSQL: updated ones would stay beside the new ones, and be indexed too."""
    for statement in BEFORE:
        op.execute(statement)
    with connection.connection.driver_connection.cursor() as cursor:
        for rows in _batches(connection):
            with cursor.copy(COPY) as copy:
                for number, searched in rows:
                    copy.write_row((number, *_signature(searched).values()))
    for statement in AFTER:
        op.execute(statement)


def _batches(connection):
    """Yield lists of the numbers and texts of listed files."""
    query = sa.select(LISTED).order_by(LISTED.c.number).limit(ROWS)
    last = 0
    while files := connection.execute(query.where(LISTED.c.number > last)).all():
        yield files
        last = files[-1].number


def _signature(searched):
    return signature_of(grams_of_text(searched))
