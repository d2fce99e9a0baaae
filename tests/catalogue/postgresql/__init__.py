"""What only the catalogue on PostgreSQL does."""
