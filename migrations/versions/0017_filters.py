"""What listings filter by: taken files, and in the texts of listed files sender, grade and warnings.

Blanks of the texts become single ones.

Revision ID: 0017
Revises: 0016
"""

from functools import partial

import sqlalchemy as sa
from alembic import op

from media_service.catalogue.coercion import blob, json_array, json_object, member, text, texts
from media_service.catalogue.file_terms import joined, terms_with
from media_service.catalogue.gram_index import CREATE_GRAMS_INDEX
from media_service.catalogue.json_columns import findings_value
from media_service.catalogue.text_index import grams_of_text
from media_service.core.findings import Grade, Outcome, outcome

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROWS = 1000
"""Files that are in memory at a time."""

FTS_CACHE, FTS_DEFAULT_CACHE = 64 * 1024 * 1024, 1024 * 1024
"""Bytes of grams that FTS5 collects in memory before it writes them: what it writes it has to merge."""

TAGS = ("title", "artist", "album", "date", "genre", "comment")

FILES = sa.table(
    "files",
    *map(sa.column, ("id", "filename", "sender", *TAGS, "more_tags", "grade", "findings", "audio_sha256")),
)
LISTED = sa.table("listed_files", *map(sa.column, ("number", "file_id", "text", "taken")))
TAKEN_INDEX = "ix_listed_files_taken_uploaded_at_number"
UPDATE = sa.text("UPDATE listed_files SET text = :text WHERE number = :number")
INSERT_GRAMS = sa.text("INSERT INTO file_grams (rowid, grams) VALUES (:number, :grams)")
SET_FTS_CACHE = sa.text("INSERT INTO file_grams (file_grams, rank) VALUES ('hashsize', :size)")


def upgrade() -> None:
    op.add_column("listed_files", sa.Column("taken", sa.Integer()))
    taken = sa.select(sa.column("id")).select_from(sa.table("files")).where(sa.column("place") == "taken")
    op.execute(sa.update(LISTED).where(LISTED.c.file_id.in_(taken)).values(taken=1))
    where, columns = sa.column("taken").is_not(None), ["taken", "uploaded_at", "number"]
    op.create_index(TAKEN_INDEX, "listed_files", columns, sqlite_where=where, postgresql_where=where)
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # Filling it once is faster than changing it with each row.
        op.drop_index("ix_listed_files_grams", "listed_files")
        for rows in _batches(connection):
            connection.execute(UPDATE, [{"number": row["number"], "text": row["text"]} for row in rows])
        for statement in CREATE_GRAMS_INDEX:
            op.execute(statement)
        return
    # One text that is not UTF-8 would otherwise stop the migration.
    connection.connection.driver_connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.execute(SET_FTS_CACHE, {"size": FTS_CACHE})
    for rows in _batches(connection):
        connection.execute(UPDATE, rows)
        connection.execute(INSERT_GRAMS, rows)
    connection.execute(SET_FTS_CACHE, {"size": FTS_DEFAULT_CACHE})
    # Otherwise one of the next files that are delivered merges all of it at once.
    connection.execute(sa.text("INSERT INTO file_grams (file_grams) VALUES ('optimize')"))
    connection.connection.driver_connection.text_factory = str


def downgrade() -> None:
    """Leave the texts: their words are found as before, and the others by nothing."""
    op.drop_index(TAKEN_INDEX, "listed_files")
    op.drop_column("listed_files", "taken")


def _batches(connection):
    """Yield lists of the numbers, new texts and new grams of listed files."""
    query = sa.select(FILES, LISTED.c.number, LISTED.c.text).join_from(LISTED, FILES, FILES.c.id == LISTED.c.file_id)
    query = query.order_by(LISTED.c.number).limit(ROWS)
    last = 0
    while files := connection.execute(query.where(LISTED.c.number > last)).mappings().all():
        yield [_changed(file) for file in files]
        last = files[-1]["number"]


def _changed(file):
    changed = _text(file)
    # Those that it has stay in the index.
    grams = grams_of_text(changed) - grams_of_text(text(file["text"]))
    return {"number": file["number"], "text": changed, "grams": " ".join(grams)}


def _text(file):
    """Return the text of a row of `files`. Unusable values count as missing."""
    tags = {tag: text(file[tag]) for tag in TAGS if text(file[tag])} | texts(json_object(file["more_tags"]))
    sender, findings = _storable(text(file["sender"])), findings_value(json_array(file["findings"]))
    warns = blob(file["audio_sha256"]) is not None and outcome(findings) is Outcome.WARN
    terms = terms_with(sender, member(Grade, file["grade"]), warns=warns)
    return joined([_storable(text(file["filename"])), sender, *map(_storable, tags.values())], terms)


def _storable(value):
    """Return a text without the lone surrogates that JSON can have and UTF-8 cannot."""
    return value.encode(errors="replace").decode()
