"""What a release meets in use, and whether it is still what training saw."""
