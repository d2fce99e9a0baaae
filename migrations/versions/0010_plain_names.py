"""Names of columns, and public names among their values. Runs before the code that knows of them.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = {
    "uploads": {
        "placing": "publish_intent",
        "held_open": "defer_completion",
        "remembered": "protocol_fields",
    },
    "files": {"retagging": "retag_intent"},
    "loudness": {
        "silence_before": "leading_silence",
        "silence_behind": "trailing_silence",
        "heard_at": "measured_at",
    },
}

CODES = {
    "unauthorised": "unauthorized",
    "chapter_behind_end": "chapter_after_end",
    "finishing_failed": "finalize_failed",
    "storage_trouble": "storage_error",
    "catalogue_trouble": "catalogue_error",
    "media_trouble": "media_error",
    "cover_unfit": "cover_invalid",
}

JSON = {
    **{f'"code": "{old}"': f'"code": "{new}"' for old, new in CODES.items()},
    # A damaged file's verdict names the finding in its details.
    **{f'"finding": "{old}"': f'"finding": "{new}"' for old, new in CODES.items()},
    '"grade": "proved"': '"grade": "proven"',
    '"offered_tags": ': '"suggested_tags": ',
}
"""Members as the service writes them. Text inside a string has a backslash before each quote, so it never matches."""

JSON_COLUMNS = {"uploads": ("facts", "verdict"), "files": ("findings", "audio")}


def upgrade() -> None:
    # Renamed in place and not by a copy: other tables point to these.
    op.rename_table("heard", "loudness")
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, old, new_column_name=new)
    _replace(JSON)
    op.execute("UPDATE files SET grade = 'proven' WHERE grade = 'proved'")


def downgrade() -> None:
    op.execute("UPDATE files SET grade = 'proved' WHERE grade = 'proven'")
    _replace({new: old for old, new in JSON.items()})
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, new, new_column_name=old)
    op.rename_table("loudness", "heard")


def _replace(members: dict[str, str]) -> None:
    for table, columns in JSON_COLUMNS.items():
        for name in columns:
            column = sa.column(name)
            value = column
            for old, new in members.items():
                value = sa.func.replace(value, old, new)
            op.execute(sa.update(sa.table(table, column)).where(value != column).values({name: value}))
