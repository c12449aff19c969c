"""Scores records of the journal: what comes out follows from them and from nothing else."""
