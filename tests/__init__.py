"""The rooms again, seen from outside: real files, real sockets, a real browser."""
