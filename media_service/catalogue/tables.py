"""The catalogue's tables. `migrations/` brings a database to exactly these, which a test checks.

Times are UTC microseconds, sizes are bytes, digests and pictures are raw bytes; tags and verdicts are JSON.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # Counts the changes of this row: who saves one must have seen the one before.
    Column("version", Integer, nullable=False, server_default="0"),
    # A listing merges the states that it shows, each newest first; the id breaks ties.
    Index("ix_uploads_state_created_at_id", "state", "created_at", "id"),
    Index("ix_uploads_owner_state_created_at_id", "owner", "state", "created_at", "id"),
    # What an address has open; ended uploads have none.
    Index("ix_uploads_address", "address", sqlite_where=text("address IS NOT NULL")),
)

slices = Table(
    "slices",
    metadata,
    Column("upload_id", String(22), ForeignKey("uploads.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("stop", BigInteger, nullable=False),
    Column("digest", LargeBinary(32)),
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
    Column("audio_sha256", LargeBinary(32)),
    Column("grade", String(16)),
    Column("findings", Text),
    Column("audio", Text),
    # What is about to replace the file: its size, digest, tags and chapters, as JSON.
    Column("retag_intent", Text),
    Column("uploaded_at", BigInteger, nullable=False),
    Column("spooled_at", BigInteger, nullable=False),
    Index("ix_files_uploaded_at_id", "uploaded_at", "id"),
    Index("ix_files_content_hash_received_size", "content_hash", "received_size"),
    Index("ix_files_audio_sha256", "audio_sha256"),
)

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
    # The number, counted up in the order of delivery, breaks ties.
    Index("ix_listed_files_uploaded_at_number", "uploaded_at", "number"),
    Index("ix_listed_files_title_number", "title", "number"),
    Index("ix_listed_files_artist_number", "artist", "number"),
    Index("ix_listed_files_duration_number", "duration", "number"),
    Index("ix_listed_files_size_number", "size", "number"),
    Index("ix_listed_files_filename_number", "filename", "number"),
)

sessions = Table(
    "sessions",
    metadata,
    # Browsers signed in as admin. The digest is an HMAC of the cookie's value.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

loudness = Table(
    "loudness",
    metadata,
    # A file has a row once it was measured, even if nothing could be.
    Column("file_id", String(22), ForeignKey("files.id"), primary_key=True),
    Column("loudness", Float),
    Column("loudness_range", Float),
    Column("true_peak", Float),
    Column("leading_silence", Float),
    Column("trailing_silence", Float),
    Column("peaks", Text, nullable=False),
    Column("measured_at", BigInteger, nullable=False),
)
