"""Requests and responses over a real socket, with the real server in its own process."""
