"""Bytes on disk: partials, the spool, the quarantine.

Here belong descriptors, syncs, renames and names that are safe on a disk. What the bytes mean, and whether they
may be written, is decided elsewhere.
"""
