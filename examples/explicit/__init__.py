"""What networks of fastscratch.nn.explicit learn: ``python -m examples.explicit`` leaves a table and a picture of each."""
