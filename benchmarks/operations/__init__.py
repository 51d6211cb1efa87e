"""What running it costs: load, backup, scaling, the dashboard."""
