"""The page of a run: one file that works offline."""
