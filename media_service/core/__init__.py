"""Values and rules, pure: no async, no clock, no I/O, only the standard library."""
