"""A source to rows that a model may be trained on."""
