"""Tests with real MP3s and tags, and with real tag workers."""
