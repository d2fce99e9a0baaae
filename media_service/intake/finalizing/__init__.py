"""Finalize complete uploads: verify, tag and publish them; edit and measure finished files.

Here belong the queue of complete uploads, its workers and the locks between duplicates.
"""
