"""ID3v2, ID3v1, APE and Lyrics3 tags: reading, checking and rewriting them.

Does not belong here: process handling (`workers`). mutagen is imported in `mutagen_adapter.py` only.
"""
