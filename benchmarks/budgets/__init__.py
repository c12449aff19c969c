"""Whether false-alarm budgets hold, on normal data that nobody has seen."""
