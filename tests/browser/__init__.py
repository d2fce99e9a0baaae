"""The pages in real Chromium against the real server."""
