"""Times, the regular time grid, and the context columns that follow from the time."""
