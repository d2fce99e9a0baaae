"""Bytes on disk: partials, the spool, the quarantine.

File descriptors, fsync, renames and safe file names belong here. What the bytes mean, and whether they may be written,
is decided elsewhere.
"""
