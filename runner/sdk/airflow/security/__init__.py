"""Kerberos; rights are the service's own affair."""
