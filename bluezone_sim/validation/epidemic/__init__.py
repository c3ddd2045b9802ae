"""The same epidemic on two engines: the built-in one and Covasim's."""
