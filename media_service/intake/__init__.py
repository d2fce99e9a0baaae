"""Puts steps in order: receiving slices, finishing uploads, sweeping what is left behind.

Here belongs waiting, and who goes first. Storage and catalogue are known only by their contracts in
`core/ports/`; HTTP is not known at all.
"""
