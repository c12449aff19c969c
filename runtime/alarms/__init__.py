"""From severity to events, and from a false-alarm budget to a threshold."""
