"""What `make chaos` runs: fault campaigns against real processes, and the checker that reads what came of them."""
