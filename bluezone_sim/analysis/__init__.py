"""What was found, and what it means: outcomes, levels, statistics, comparisons. No file, no picture."""
