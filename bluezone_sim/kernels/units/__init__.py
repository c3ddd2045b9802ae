"""SHA-256 and AES on what the processor has, compiled once and called by all kernels."""
