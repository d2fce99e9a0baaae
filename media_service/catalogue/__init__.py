"""Rows: which uploads and files there are, and which bytes are recorded.

Here belongs SQL: said in SQLAlchemy's words, and as text before the server runs. One writer commits; reads have
connections of their own.
"""
