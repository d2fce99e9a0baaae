"""Protocols that send a file's bytes: native slices, the form, tus, the IETF draft. They translate and have no rules.

A dialect may respond with the API's JSON (`api.serializer`) or with a page. It does not import another dialect.
"""
