"""The object store, on real servers."""
