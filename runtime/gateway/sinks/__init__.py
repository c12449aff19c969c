"""Where outputs go: what is published when, on which topic, and what is kept until it is taken."""
