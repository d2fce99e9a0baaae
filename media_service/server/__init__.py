"""The HTTP server: listen, serve until a signal, shut down."""
