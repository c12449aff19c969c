"""How every benchmark runs: what is trained, in which processes, and where its figures are kept."""
