"""Messages between our own processes: framing, RPC over a Unix socket, hints to every process, the sidecar's start.

What the requests mean belongs to the packages that send them.
"""
