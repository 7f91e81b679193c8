"""The senders of alerts: bytes and headers in, alerts out. What they share has modules of its own."""
