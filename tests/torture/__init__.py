"""Killed servers, full disks, many slow clients, very large files, attacks."""
