"""From an image of the manifest to slices in atlas space."""
