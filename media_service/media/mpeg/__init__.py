"""MPEG audio: frame headers, encoders' headers, checksums, and the streaming parser of a file's frames.

Does not belong here: what tags contain (`tags`), and what the parser's report means for a verdict (`inspection`).
"""
