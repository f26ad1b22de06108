"""What people contributed: an append-only log of events, and the tasks that were handed out for them."""
