"""Known data: from a description, a seed and a size, the same rows for ever."""
