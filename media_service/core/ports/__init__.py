"""Contracts of what `intake` uses and does not know: where bytes and rows are kept, and what interprets the media.

Adapters implement them and `intake` relies on them; the tests of each adapter check them on disk. A method that names
no error raises only errors of the service (`errors/service.py`).
"""
