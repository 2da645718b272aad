"""Known data: the same description, seed and size always give the same rows."""
