"""Skills found in what was done again and again: proposed by the machine, accepted by people."""
