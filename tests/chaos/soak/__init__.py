"""Hours of a bridge's life in one process: steady traffic, all that is hostile mixed in, and a look at what grows."""
