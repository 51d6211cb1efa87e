"""Capturing live sessions: from the events that hooks tell to turns."""
