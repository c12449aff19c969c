"""Files and frames: tables, labels, rows, and the time grid of the runtime."""
