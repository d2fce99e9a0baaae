"""The catalogue in one file of SQLite: `catalogue` adapts the port, `commit_server` runs in the sidecar."""
