"""CSV and JSON lines: rows in, scores and events out."""
