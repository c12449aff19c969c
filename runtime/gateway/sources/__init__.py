"""Where messages come from: a broker, a pipe, a file."""
