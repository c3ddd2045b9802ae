"""What passes between rooms."""
