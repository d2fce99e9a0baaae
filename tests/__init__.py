"""Tests of each folder, with real files, sockets and browsers."""
