"""Helpers of the tests: generated MP3 files, servers that can be killed, clients."""
