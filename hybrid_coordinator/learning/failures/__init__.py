"""What failures teach: errors that were met, with what solved them and how that was seen."""
