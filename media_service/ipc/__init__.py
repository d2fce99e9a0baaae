"""Messages between our own processes: framing, an asyncio RPC client, a blocking RPC server, a process supervisor.

What the requests mean belongs to the packages that send them.
"""
