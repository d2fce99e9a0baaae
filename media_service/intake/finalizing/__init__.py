"""Finalize complete uploads (verify, tag, publish); edit and measure finished files."""
