"""What counts for a quota."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Finished files and their bytes, and those that open uploads have reserved."""

    files: int = 0
    bytes: int = 0
    reserved_files: int = 0
    reserved_bytes: int = 0


NO_USAGE = Usage()
