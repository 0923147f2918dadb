"""fastscratch: small models on a CPU, fast."""
