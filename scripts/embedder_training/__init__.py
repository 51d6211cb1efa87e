"""Training of the shipped embedding model, in steps: packages, examples, training, the folder."""
