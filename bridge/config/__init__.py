"""The configuration file: its grammar, reading it with helpful errors, and keeping it current while the bridge runs."""
