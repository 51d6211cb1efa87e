"""Fitting the prior of the classification on open, labelled prompts."""
