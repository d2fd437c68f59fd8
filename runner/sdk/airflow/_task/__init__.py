"""The child's runtime: loading a DAG file, parsing it, running one task of it, asking the agent."""
