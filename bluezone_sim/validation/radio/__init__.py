"""The radio beside measured scenes."""
