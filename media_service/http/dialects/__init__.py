"""Protocols that send a file's bytes: native slices, the form, tus, the IETF draft. They import no other dialect."""
