"""What engine, agent and child agree on: states, frames, messages, workloads, the cell's layout.

Standard library only, so that a broken environment can still say why it is broken.
Nothing here does I/O except `frames`, and nothing here decides anything.
"""
