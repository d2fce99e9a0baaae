"""What counts for a quota."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Finished files and their bytes; number and reserved bytes of uploads that have not ended.

    Of a service or a collection the latter include rejected files until the quarantine deletes them.
    """

    files: int = 0
    bytes: int = 0
    reserved_files: int = 0
    reserved_bytes: int = 0


NO_USAGE = Usage()
