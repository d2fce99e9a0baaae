"""Listings of files get a table of their own: an index for each order, and one of the words. Uploads: of all states.

Revision ID: 0011
Revises: 0010
"""

from functools import partial
from itertools import count

import sqlalchemy as sa
from alembic import op

from media_service.catalogue.coercion import UnreadableRow, id_of, integer, json_object, number, text, texts
from media_service.catalogue.text_index import fold, grams_of_text, sort_key

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROWS = 1000
"""Files that are in memory at a time."""

FTS_CACHE, FTS_DEFAULT_CACHE = 64 * 1024 * 1024, 1024 * 1024
"""Bytes of grams that FTS5 collects in memory before it writes them: what it writes it has to merge."""

ORDERS = ("uploaded_at", "title", "artist", "duration", "size", "filename")
TAGS = ("title", "artist", "album", "date", "genre", "comment")

FILES = sa.table(
    "files", *map(sa.column, ("id", "filename", "sender", *TAGS, "more_tags", "duration", "size", "uploaded_at"))
)
SET_FTS_CACHE = sa.text("INSERT INTO file_grams (file_grams, rank) VALUES ('hashsize', :size)")
INSERT = sa.text(
    "INSERT INTO listed_files (number, file_id, uploaded_at, title, artist, duration, size, filename, text)"
    " VALUES (:number, :file_id, :uploaded_at, :title, :artist, :duration, :size, :filename, :text)"
)
INSERT_GRAMS = sa.text("INSERT INTO file_grams (rowid, grams) VALUES (:number, :grams)")


def upgrade() -> None:
    op.create_table(
        "listed_files",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.String(length=22), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("artist", sa.Text(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_listed_files_file_id_files")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_listed_files")),
        sa.UniqueConstraint("file_id", name=op.f("uq_listed_files_file_id")),
    )
    op.execute(
        "CREATE VIRTUAL TABLE file_grams USING fts5(grams, content='', columnsize=0, detail=none, tokenize='ascii')"
    )
    _fill()
    # After filling: sorting once is faster than keeping six orders.
    for column in ORDERS:
        op.create_index(f"ix_listed_files_{column}_number", "listed_files", [column, "number"])
    op.drop_column("files", "search")
    op.create_index("ix_uploads_owner_state_created_at_id", "uploads", ["owner", "state", "created_at", "id"])
    op.drop_index("ix_uploads_owner_created_at_id", "uploads")


def downgrade() -> None:
    op.create_index("ix_uploads_owner_created_at_id", "uploads", ["owner", "created_at", "id"])
    op.drop_index("ix_uploads_owner_state_created_at_id", "uploads")
    op.add_column("files", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE files SET search = (SELECT text FROM listed_files WHERE file_id = files.id)")
    op.drop_table("file_grams")
    op.drop_table("listed_files")


def _fill() -> None:
    connection = op.get_bind()
    # One text that is not UTF-8 would otherwise stop the migration.
    connection.connection.driver_connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.execute(SET_FTS_CACHE, {"size": FTS_CACHE})
    files = connection.execute(sa.select(FILES).order_by("uploaded_at", "id")).mappings()
    numbers = count(1)
    while found := files.fetchmany(ROWS):
        listed = [row | {"number": next(numbers)} for row in map(_listed, filter(_has_id, found))]
        if listed:
            connection.execute(INSERT, listed)
            connection.execute(INSERT_GRAMS, [_grams(row) for row in listed])
    connection.execute(SET_FTS_CACHE, {"size": FTS_DEFAULT_CACHE})
    # Otherwise the 16th file that is delivered merges all of it at once: 10 s with 1,000,000 files.
    connection.execute(sa.text("INSERT INTO file_grams (file_grams) VALUES ('optimize')"))
    connection.connection.driver_connection.text_factory = str


def _has_id(file):
    try:
        return bool(id_of(file))
    except UnreadableRow:
        return False


def _listed(file):
    """Return the columns of `listed_files` for a row of `files`. Unusable values count as missing."""
    tags = {tag: text(file[tag]) for tag in TAGS if text(file[tag])} | texts(json_object(file["more_tags"]))
    filename = sort_key(_storable(text(file["filename"])))
    return {
        "file_id": file["id"],
        "uploaded_at": integer(file["uploaded_at"]) or 0,
        "title": sort_key(_storable(tags.get("title", ""))) or filename,
        "artist": sort_key(_storable(tags.get("artist", ""))),
        "duration": number(file["duration"]) or 0.0,
        "size": integer(file["size"]) or 0,
        "filename": filename,
        "text": fold(_storable("\n".join([text(file["filename"]), text(file["sender"]), *tags.values()]))),
    }


def _grams(row):
    return {"number": row["number"], "grams": " ".join(grams_of_text(row["text"]))}


def _storable(value):
    """Return a text without the lone surrogates that JSON can have and UTF-8 cannot."""
    return value.encode(errors="replace").decode()
