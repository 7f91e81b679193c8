"""Checkly's status pages: one port, an adapter per API generation, errors that say what may have happened."""
