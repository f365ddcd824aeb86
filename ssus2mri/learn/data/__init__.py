"""Training data: slices in memory, batches, and augmentation."""
