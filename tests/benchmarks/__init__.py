"""How fast, how small, how steady: our own suite and the side-by-side runs. `python -m tests.benchmarks`."""
