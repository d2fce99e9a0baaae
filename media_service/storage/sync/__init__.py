"""Durability of partials: the sidecar calls fdatasync and reads slices back, this process asks for it over RPC."""
