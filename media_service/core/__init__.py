"""Decides and touches nothing: states, spans, digests, rules, refusals.

Here belongs what can be said with values alone. No async, no clock, no input or output, and nothing but the
standard library: time, ids and limits are handed in.
"""
