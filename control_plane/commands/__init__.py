"""One module a command: options, words and exit codes. What they do is done elsewhere."""
