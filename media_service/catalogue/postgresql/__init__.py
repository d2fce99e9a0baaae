"""What only the catalogue on PostgreSQL needs: connections, hints and locks between nodes, common clock, secrets."""
