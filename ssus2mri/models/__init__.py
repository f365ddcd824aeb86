"""The networks; none reads a file or a configuration."""
