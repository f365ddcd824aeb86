"""Training of a model on slices."""
