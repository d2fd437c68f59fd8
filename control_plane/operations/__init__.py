"""One function per thing a caller can ask."""
