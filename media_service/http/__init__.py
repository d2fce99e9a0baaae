"""Headers, status codes and JSON: the dialects in which clients speak to one intake.

A dialect translates; it keeps no rules of offsets, lengths or states.
"""
