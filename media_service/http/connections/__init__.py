"""Accept, limit and close TCP connections, until there is a request. No routes, no bodies, no users."""
