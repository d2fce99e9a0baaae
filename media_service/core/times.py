"""Times: those of the catalogue are UTC microseconds, those of settings and clients are seconds."""

from __future__ import annotations

MICROSECONDS = 1_000_000
"""Of one second."""
