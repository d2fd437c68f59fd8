"""What an environment is and which changes it allows: pure, no I/O, no clock."""
