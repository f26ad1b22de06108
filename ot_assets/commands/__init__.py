"""What `ot` does, one command a file: read options, call the rooms, show the result. No logic that a room should have."""
