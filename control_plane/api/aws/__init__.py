"""The AWS wire: signatures, bodies, errors."""
