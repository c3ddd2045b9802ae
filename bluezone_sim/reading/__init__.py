"""Files that others wrote: read in bounded pieces, and refused by name where they are none of ours."""
