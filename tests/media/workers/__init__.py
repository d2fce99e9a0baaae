"""Tag workers: processes, limits, replacement."""
