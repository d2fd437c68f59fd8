"""The service database: the only SQL of the control plane."""
