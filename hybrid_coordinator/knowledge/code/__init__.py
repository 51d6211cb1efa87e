"""Code: walking a tree of files, cutting them into chunks, keeping the index in step."""
