"""Commands that change what is in the catalogue, as processes, while the service runs and while it does not."""
