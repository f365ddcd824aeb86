"""Networks; none reads a file or a configuration."""
