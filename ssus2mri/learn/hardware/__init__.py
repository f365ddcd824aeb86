"""Code that depends on the machine: devices, processes, compilation, CUDA graphs."""
