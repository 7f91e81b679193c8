"""The senders, one module each: bytes and headers in, alerts out. What senders share has modules of its own."""
