"""Suite of the port `core.ports.upload_store`: bytes, locks, syncs."""
