"""The embedded object store: an S3 that keeps what it is given, for machines that have none."""
