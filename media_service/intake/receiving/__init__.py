"""Receive the bytes of uploads: slices, appends, concatenations; leases of writers; uploads in memory."""
