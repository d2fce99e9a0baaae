"""HTML pages, their scripts, styles and texts, and the health probes. No JSON, no uploads."""
