"""`gateway.toml`: read, checked, written for a model, and measured before it runs."""
