"""checkly-bridge: alerts in, public status-page incidents out, unattended."""

__version__ = "0.1.0"
