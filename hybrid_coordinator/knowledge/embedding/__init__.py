"""Turning text into vectors: the shipped static model, Ollama, OpenAI-compatible endpoints."""
