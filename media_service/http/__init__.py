"""HTTP: requests, responses, headers, status codes and JSON. No rules about offsets, lengths or states.

`routes.py` combines the folders: `connections` (before there is a request), `security` (who may send it),
`dialects` (upload protocols), `api` (the REST API) and `pages` (HTML).
"""
