"""The database: SQL, rows and connections. `sqlite_catalogue` adapts the port; `commit_server` runs in the sidecar."""
