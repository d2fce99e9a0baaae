"""Measure what the service and its peers cost for the same work. `make bench`; see README.md in this folder.

Nothing in the service imports from here, and the bench talks to the service only as any client does.
"""
