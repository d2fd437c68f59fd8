"""S3's protocol over HTTP: from bytes on a socket to calls of a store, and back."""
