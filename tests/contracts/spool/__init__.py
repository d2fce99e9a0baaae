"""Suite of the port `core.ports.spool`: finished files, and the trash."""
