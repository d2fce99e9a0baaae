"""Inspection of files: read-ahead, digests, findings, facts, loudness.

Does not belong here: parsing of frames or tags, and starting of processes, which callers pass in.
"""
