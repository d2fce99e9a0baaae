"""Who sends a request, and from which site: tokens, sessions, cookies, origins, security headers. No routes."""
