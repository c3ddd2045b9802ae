"""ROBERT (Inria and Fraunhofer)."""
