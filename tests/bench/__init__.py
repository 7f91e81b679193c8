"""What `make bench` runs: the bridge against a bare endpoint, on one Redis, in one run."""
