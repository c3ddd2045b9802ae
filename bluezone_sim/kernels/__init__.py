"""Hot loops and cryptographic kernels: the only room that imports numba."""
