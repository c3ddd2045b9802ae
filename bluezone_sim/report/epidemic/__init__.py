"""The figures of an epidemic: curves, what is averted and at what cost, and a plane of efficacies."""
