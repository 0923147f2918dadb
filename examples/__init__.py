"""Programs to read and to run: each says at its top what it shows and how it is started."""
