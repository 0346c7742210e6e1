"""One flow a stage, and those that chain them."""
