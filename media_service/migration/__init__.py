"""Move an installation from SQLite and a folder to PostgreSQL and S3; new schemas are in `catalogue/*/migrate.py`."""
