"""MPEG audio: frame headers, VBR headers, checksums, and the streaming frame parser.

Does not belong here: the contents of tags (`tags`), and findings about a report (`inspection`).
"""
