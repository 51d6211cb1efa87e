"""Training data: from the record to files that one would dare to train on."""
