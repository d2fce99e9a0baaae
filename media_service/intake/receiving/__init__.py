"""Receive the bytes of uploads: slices, appends and concatenations.

Here belong the leases of writers, the uploads in memory and their state transitions until they are complete.
"""
