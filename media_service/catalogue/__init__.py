"""Rows: which uploads and files there are, and which bytes are recorded.

Here belongs SQL, through SQLAlchemy Core. One writer commits; reads have connections of their own.
"""
