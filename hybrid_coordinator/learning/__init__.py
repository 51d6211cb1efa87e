"""What outcomes teach: tracking, value, datasets."""
