"""What people and plain rules say beside the score; pure state machines over rows."""
