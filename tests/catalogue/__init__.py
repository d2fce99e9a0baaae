"""Rows in a real SQLite file."""
