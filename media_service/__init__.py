"""Resumable uploads of large MP3 files: received, verified, tagged, spooled.

Each folder has one subject; `docs/architecture.md` shows which may import which.
"""

__version__ = "0.1.0"
