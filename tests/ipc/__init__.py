"""Bytes on a real disk."""
