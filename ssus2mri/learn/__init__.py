"""From slices to a model, and from a model to synthetic slices."""
