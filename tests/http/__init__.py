"""Requests and answers over a real socket, against the real server in a process of its own."""
