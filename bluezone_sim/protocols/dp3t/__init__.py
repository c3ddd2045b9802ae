"""The three designs of DP-3T."""
