"""State of one or many streams, from timestamped rows to scored steps."""
