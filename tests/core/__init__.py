"""Rules alone: no disk, no clock, no loop."""
