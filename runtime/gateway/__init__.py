"""The gateway process: from a broker or a pipe to scores and events, without losing a sample."""
