"""Headers, status codes and JSON. Here: what every request needs. No rules about offsets, lengths or states.

`routes.py` puts the folders together: `connections` (before there is a request), `security` (who may send it),
`dialects` (upload protocols), `api` (the REST API) and `pages` (HTML).
"""
