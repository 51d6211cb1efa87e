"""Sharing what is known: with the local model, and with other machines."""
