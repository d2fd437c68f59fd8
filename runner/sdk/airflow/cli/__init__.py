"""What packages build a command line from; nobody runs one here."""
