"""Child processes that read untrusted files: the pool, the worker program, limits and the sandbox.

Does not belong here: what is asked of the workers (`inspection`), and how tags are read (`tags`).
"""
