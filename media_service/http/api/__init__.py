"""The REST API under `/api/v1`, and the JSON that it shares with the dialects. No file's bytes come in here."""
