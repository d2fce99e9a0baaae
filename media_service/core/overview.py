"""What happened and waits: the figures of the start page."""

from __future__ import annotations

from dataclasses import dataclass

MOST_COUNTED = 10_000
"""Rows that each figure counts at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewCounts:
    """Files that arrived since a time, and their bytes; uploads that have not ended; uploads rejected since that time.

    `rejected_kept`: whose bytes are in quarantine. `trashed`, `taken`: files.
    """

    arrived_files: int
    arrived_bytes: int
    in_flight: int
    rejected: int
    rejected_kept: int
    trashed: int
    taken: int
