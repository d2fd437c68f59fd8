"""The triggerer: one process, one event loop, many triggers."""
