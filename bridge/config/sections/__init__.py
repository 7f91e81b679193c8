"""The configuration file's sections, one reader each."""
