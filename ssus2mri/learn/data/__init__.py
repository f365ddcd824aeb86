"""Training data: slices in memory, batches of them, and their random changes."""
