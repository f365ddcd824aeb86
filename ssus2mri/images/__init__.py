"""Images in and out: every format read, world geometry, transforms."""
