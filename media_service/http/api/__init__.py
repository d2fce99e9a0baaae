"""The REST API under `/api/v1`, and the JSON that it shares with the dialects. It receives no files."""
