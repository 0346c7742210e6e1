"""What a released model needs to answer: imports nothing else of the project."""
