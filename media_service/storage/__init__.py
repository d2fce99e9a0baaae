"""Bytes on disk: partials, the spool, the quarantine.

Descriptors, fsync, renames and safe file names belong here; what the bytes mean does not.
"""
