"""Files as objects in a bucket of an S3-compatible server. Needs the extra `cluster`. The disk is in `storage/`."""
