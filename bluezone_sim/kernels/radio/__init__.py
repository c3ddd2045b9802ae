"""From contacts to what phones hear, compiled."""
