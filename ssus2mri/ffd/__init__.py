"""Free-form deformation of many pairs of images at once, in 2D and 3D, on a CPU or a GPU."""
