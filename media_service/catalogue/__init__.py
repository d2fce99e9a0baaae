"""The database: statements and rows; `sqlite` has the connections to its engine."""
