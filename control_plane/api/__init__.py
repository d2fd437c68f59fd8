"""The public HTTP edge."""
