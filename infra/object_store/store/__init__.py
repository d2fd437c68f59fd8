"""The engine of the object store: index, blobs, group commit. The only SQL of the object store."""
