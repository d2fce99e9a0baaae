"""Commands that change what is in the catalogue, also while the service runs. They print what a script reads."""
