"""What survives the plug being pulled: a journal, snapshots, an outbox, a description of them."""
