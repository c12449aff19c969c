"""One detector file: its contract, loading it, and the proof that it computes what was exported."""
