"""One file a servable runtime."""
