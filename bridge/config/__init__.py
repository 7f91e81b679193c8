"""What the operator says: the configuration file, read with helpful errors and kept current, and the environment."""
