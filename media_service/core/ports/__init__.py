"""Contracts of adapters. A method that names no error raises only those of `errors/service.py`."""
