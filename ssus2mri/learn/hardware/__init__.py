"""What depends on the machine: device, several processes, compiled code, CUDA graphs."""
