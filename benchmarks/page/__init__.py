"""The one page of figures, written from the tables in `results/`."""
