"""What the memory shows of its patterns."""
