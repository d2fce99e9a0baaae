"""All errors as one tree, one module per subject; their HTTP statuses are in `http/problems.py`."""
