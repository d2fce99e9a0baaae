"""Contracts of adapters, each checked by a suite in `tests/contracts`.

A method that names no error raises only those of `errors/service.py`.
"""
