"""The database: which uploads and files exist, and which bytes are recorded.

SQL, rows and connections belong here. `tables` has the schema, `reads`, `listings` and `writes` have the statements,
`sqlite_catalogue` is the adapter of the port; `commit_server` runs in the sidecar.
"""
