"""What an epidemic gives: by arm, seed and day, and what follows of it."""
