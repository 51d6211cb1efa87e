"""What is known: collections, embedding, the code index, retrieval and packing."""
