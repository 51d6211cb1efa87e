"""How well the product judges, checks and routes, beside chance, prompt length and one model."""
