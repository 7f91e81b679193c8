"""Closing what senders never resolve: what was seen of them, and what follows from that. Pure."""
