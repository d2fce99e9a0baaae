"""Functions in the database: what it decides for many slices in one statement.

They consist of the statements that SQLite's committer executes one by one (`recording.py`), so that both engines have
the same rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue import reads, recording
from media_service.catalogue.postgresql.dialect import DIALECT
from media_service.catalogue.usage import COUNT_UPLOAD, UNCOUNT_UPLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.catalogue.compiled import CompiledStatement

_PIECE = {name: f"piece.{name}" for name in ("upload_id", "start", "stop", "object", "recorded_at")}
_PIECE["digest"] = "decode(piece.digest, 'hex')"
_WANTED = {name: f"peek_slices.wanted_{name}" for name in ("upload_id", "start", "stop")}


def _text(statement: CompiledStatement, expressions: Mapping[str, str]) -> str:
    """Return the SQL with these expressions in place of its parameters. It must have no constants."""
    statement.prepare(DIALECT)
    return statement.fixed[DIALECT] % expressions


_RECORDING = {
    "admit": recording.ADMIT_SLICE,
    "admit_last": recording.ADMIT_LAST_SLICE,
    "insert": recording.INSERT_SLICE,
    "uncount": UNCOUNT_UPLOAD,
    "set_length": recording.SET_LENGTH,
    "count": COUNT_UPLOAD,
    "complete": recording.COMPLETE,
    "completed": recording.COMPLETED,
    "whole": recording.WHOLE,
}

# A row for each slice, in their order; without a version if it was refused. Uploads are locked in one order, so that no
# two calls wait for each other; what follows sees all that was committed until then. Tables grow faster than the server
# counts their rows, so no plan may rest on a small one.
_RECORD_SLICES = """
CREATE OR REPLACE FUNCTION record_slices(pieces json) RETURNS TABLE (new_version integer, is_whole boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $function$
#variable_conflict use_column
DECLARE
  piece record;
  locked record;
  may_be_whole integer;
BEGIN
  FOR locked IN
    SELECT DISTINCT each.upload_id COLLATE "C" AS id
    FROM json_to_recordset(pieces) AS each(upload_id varchar) ORDER BY 1
  LOOP
    PERFORM uploads.id FROM uploads WHERE uploads.id = locked.id FOR NO KEY UPDATE;
  END LOOP;
  FOR piece IN
    SELECT each.* FROM json_to_recordset(pieces) AS each(
      upload_id varchar, start bigint, stop bigint, digest text, object varchar, recorded_at bigint,
      last boolean, complete boolean
    )
  LOOP
    is_whole := false;
    IF piece.last THEN
      {admit_last} INTO new_version, may_be_whole;
    ELSE
      {admit} INTO new_version, may_be_whole;
    END IF;
    IF new_version IS NOT NULL THEN
      {insert};
      IF piece.last THEN
        {uncount};
        {set_length};
        {count};
      END IF;
      IF may_be_whole = 1 AND piece.complete THEN
        {complete};
        {completed} INTO new_version, is_whole;
      ELSIF may_be_whole = 1 THEN
        {whole} INTO new_version, is_whole;
      END IF;
    END IF;
    RETURN NEXT;
  END LOOP;
END
$function$
"""

# It waits for a transaction that records slices of the upload, also of a process that was killed. That writes only a
# lock, for which nobody needs to wait until it is on the disk.
_PEEK_SLICES = """
CREATE OR REPLACE FUNCTION peek_slices(wanted_upload_id varchar, wanted_start bigint, wanted_stop bigint)
RETURNS TABLE (seen_version integer, overlaps boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $function$
#variable_conflict use_column
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM uploads.id FROM uploads WHERE uploads.id = peek_slices.wanted_upload_id FOR SHARE;
  RETURN QUERY {peek};
END
$function$
"""


def functions() -> dict[str, str]:
    """Return the statements that create the functions, or replace them, by name."""
    recording_texts = {name: _text(statement, _PIECE) for name, statement in _RECORDING.items()}
    peek, _ = reads.peek("", 0, 0)
    return {
        "record_slices": _RECORD_SLICES.format(**recording_texts),
        "peek_slices": _PEEK_SLICES.format(peek=_text(peek, _WANTED)),
    }


def body_of(function: str) -> str:
    """Return what the database has as the source of a function, from the statement that creates it."""
    return function.split("$function$")[1]
