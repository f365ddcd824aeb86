"""Reading and writing images: every format, world geometry, transforms."""
