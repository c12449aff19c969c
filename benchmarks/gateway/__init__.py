"""The gateway under load and under fire: real broker, real processes."""
