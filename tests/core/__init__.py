"""Rules only: no disk, no clock, no event loop."""
