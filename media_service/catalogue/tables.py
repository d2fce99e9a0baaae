"""The tables of uploads and files; `access_tables.py` has the others. `migrations/` ends in exactly these.

Times are UTC microseconds, sizes are bytes, digests and pictures are raw bytes; tags and verdicts are JSON.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from media_service.catalogue.metadata import metadata, partial_index
from media_service.catalogue.text_index import SIGNATURE_COLUMNS

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("dialect", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("filename", Text, nullable=False),
    Column("length", BigInteger),
    Column("last_modified", BigInteger),
    Column("digest", LargeBinary(32)),
    Column("content_hash", LargeBinary(32)),
    Column("sender", Text),
    Column("tags", Text, nullable=False),
    # Description of the cover, and the chapters, as JSON.
    Column("cover", Text),
    Column("chapters", Text, nullable=False, server_default="[]"),
    Column("facts", Text),
    Column("verdict", Text),
    Column("file_id", String(22)),
    Column("publish_intent", Text),
    Column("review", String(8)),
    Column("defer_completion", Integer, nullable=False, server_default="0"),
    Column("protocol_fields", Text, nullable=False, server_default="{}"),
    # The client's address until the upload ends: quotas count what an address has open.
    Column("address", Text),
    # The person or the link whose quota counts the upload, its collection, and the sender's e-mail address.
    Column("account", String(40)),
    Column("collection", String(22)),
    Column("email", Text),
    # Bytes that the upload has reserved of the quotas. Statements change it, not `Upload`, which does not have it.
    Column("charged", BigInteger, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # Counts the changes of this row: who saves one must have seen the one before.
    Column("version", Integer, nullable=False, server_default="0"),
    # A listing merges the states that it shows, each newest first; the id breaks ties.
    Index("ix_uploads_state_created_at_id", "state", "created_at", "id"),
    Index("ix_uploads_owner_state_created_at_id", "owner", "state", "created_at", "id"),
    # What an address has open; ended uploads have none.
    partial_index("uploads", "address"),
    partial_index("uploads", "account"),
    partial_index("uploads", "collection", "state", "created_at", "id"),
)

slices = Table(
    "slices",
    metadata,
    Column("upload_id", String(22), ForeignKey("uploads.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("stop", BigInteger, nullable=False),
    Column("digest", LargeBinary(32)),
    # The name of the attempt, in stores where each is an object.
    Column("object", String(32)),
    Column("recorded_at", BigInteger, nullable=False),
    # Rows are inserted and read in the order of the key, so the key is the table.
    sqlite_with_rowid=False,
)

covers = Table(
    "covers",
    metadata,
    # The picture for an unfinished upload; afterwards the file contains it.
    Column("upload_id", String(22), ForeignKey("uploads.id"), primary_key=True),
    Column("picture", LargeBinary, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", String(22), primary_key=True),
    Column("upload_id", String(22), ForeignKey("uploads.id"), nullable=False, unique=True),
    Column("owner", String(64), nullable=False),
    Column("account", String(40)),
    Column("collection", String(22)),
    Column("email", Text),
    Column("sender", Text),
    Column("filename", Text, nullable=False),
    Column("stored_name", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("received_size", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("content_hash", LargeBinary(32), nullable=False),
    Column("spooled_sha256", LargeBinary(32), nullable=False),
    Column("duration", Float, nullable=False),
    Column("bitrate", Integer, nullable=False),
    Column("sample_rate", Integer, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("title", Text),
    Column("artist", Text),
    Column("album", Text),
    Column("date", Text),
    Column("genre", Text),
    Column("comment", Text),
    # What has no column of its own: further tags, findings and details of the audio, as JSON.
    Column("more_tags", Text),
    Column("chapters", Text, nullable=False, server_default="[]"),
    # Whether it has a cover (1 or 0); NULL if nobody has looked.
    Column("has_cover", Integer),
    Column("audio_sha256", LargeBinary(32)),
    Column("grade", String(16)),
    Column("findings", Text),
    Column("audio", Text),
    # What is about to replace the file: its size, digest, tags and chapters, as JSON.
    Column("retag_intent", Text),
    Column("uploaded_at", BigInteger, nullable=False),
    Column("spooled_at", BigInteger, nullable=False),
    # Where the bytes are, and whether they are on their way there (1, or NULL): what a crash interrupted goes on.
    Column("place", String(8), nullable=False, server_default="spool"),
    Column("moving", Integer),
    # Of a file that came into the trash: when, by whom, and that one's name then.
    Column("trashed_at", BigInteger),
    Column("trashed_by", String(64)),
    Column("trashed_by_name", Text),
    Column("trash_reason", Text),
    # When it was found taken, or was purged.
    Column("removed_at", BigInteger),
    Index("ix_files_uploaded_at_id", "uploaded_at", "id"),
    Index("ix_files_content_hash_received_size", "content_hash", "received_size"),
    Index("ix_files_audio_sha256", "audio_sha256"),
    partial_index("files", "moving"),
)

COVERED = (*SIGNATURE_COLUMNS, "uploaded_at", "taken", "collection", "account")
"""Columns of `listed_files` that the index of each order has beside its own: it rules out most files of a search, in
0.2 us each, where reading a row of the table takes 4."""

listed_files = Table(
    "listed_files",
    metadata,
    # What listings of files sort by and search in, folded. A table of its own, because it is narrow: a search reads
    # thousands of its rows, and those of `files` have pages of JSON between them.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("file_id", String(22), ForeignKey("files.id"), nullable=False, unique=True),
    Column("uploaded_at", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("artist", Text, nullable=False),
    Column("duration", Float, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("filename", Text, nullable=False),
    Column("text", Text, nullable=False),
    # Listings that have the file besides that of all: the collection's, and the sender's.
    Column("collection", String(22)),
    Column("account", String(40)),
    # 1 of a file whose reader has taken it, else NULL. These are mostly the oldest ones: an index has them by date.
    Column("taken", Integer),
    # Bits of the grams of the text. A row without them would have all bits, which rule nothing out.
    *(Column(name, BigInteger, nullable=False, server_default="-1") for name in SIGNATURE_COLUMNS),
    # The number, counted up in the order of delivery, breaks ties.
    *(
        Index(f"ix_listed_files_{column}_number", column, "number", *(name for name in COVERED if name != column))
        for column in ("uploaded_at", "title", "artist", "duration", "size", "filename")
    ),
    partial_index("listed_files", "collection", "number"),
    partial_index("listed_files", "account", "number"),
    partial_index("listed_files", "taken", "uploaded_at", "number"),
)

trashed_files = Table(
    "trashed_files",
    metadata,
    # What the listing of the trash has instead of `listed_files`: newest first, and words compared, without an index.
    Column("file_id", String(22), ForeignKey("files.id"), primary_key=True),
    Column("trashed_at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("collection", String(22)),
    Column("account", String(40)),
    Index("ix_trashed_files_trashed_at_file_id", "trashed_at", "file_id"),
)

loudness = Table(
    "loudness",
    metadata,
    # A file has a row once it was measured, even if nothing could be.
    Column("file_id", String(22), ForeignKey("files.id"), primary_key=True),
    *(Column(name, Float) for name in ("loudness", "loudness_range", "true_peak")),
    *(Column(name, Float) for name in ("leading_silence", "trailing_silence")),
    Column("peaks", Text, nullable=False),
    Column("measured_at", BigInteger, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    # What counts for a quota: `service`, `collection:ID`, or the id of an owner.
    Column("id", String(48), primary_key=True),
    # Finished files and their bytes; uploads that have not ended, and what they have reserved (`uploads.charged`).
    *(
        Column(name, BigInteger, nullable=False, server_default="0")
        for name in ("files", "bytes", "reserved_files", "reserved_bytes")
    ),
)

secrets = Table(
    "secrets",
    metadata,
    # What the nodes of one catalogue share.
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
