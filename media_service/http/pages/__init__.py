"""HTML pages, their scripts and styles, their texts, and the probes. No JSON, no uploads."""
