"""What kind of work a prompt is and how hard it looks, without calling a model."""
