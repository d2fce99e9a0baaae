"""Every error as one tree: code, fields and message, one module per subject.

`base` has the roots: a Refusal is the client's to resolve, the other kind is the service's and retryable. Nothing here
knows HTTP: the table to status codes is `http/problems.py`. `registry` imports all modules, so that it knows all codes.
"""
