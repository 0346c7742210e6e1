"""What a release meets in use: drift, labels, cost."""
