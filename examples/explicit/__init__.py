"""What networks of fastscratch.nn.explicit learn: ``python -m examples digits patterns motifs``."""
