"""The shapes that payloads have, a file per family."""
