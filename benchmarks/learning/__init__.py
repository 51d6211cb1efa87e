"""What is learned from outcomes, measured."""
