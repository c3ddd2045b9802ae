"""Sweeps: a grid of scenarios, each with every seed; stored task by task, resumed, summarised."""
