"""Asks senders about what fires here, and closes what they show to be over: evidence, never absence alone."""
