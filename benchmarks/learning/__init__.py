"""Whether the coordinator learns from outcomes, measured through its tools against controls."""
