"""Every decision, pure: which incident, which phase, which write, what comes of its outcome. No I/O, no clock."""
