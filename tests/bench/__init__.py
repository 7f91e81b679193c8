"""What `make bench` runs: receiving, large deliveries, full stores, publishing and idling, measured in one run."""
