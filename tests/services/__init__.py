"""Throw-away PostgreSQL and S3 servers on free ports of 127.0.0.1: programs, processes, fixtures."""
