"""From what should be to what is: `plan` decides (pure), `loop` looks and acts, `jobs` do the work."""
