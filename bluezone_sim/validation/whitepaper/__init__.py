"""The white paper's claims beside a simulation."""
