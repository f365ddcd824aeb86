"""The built-in head, painted part by part from implicit shapes; `anatomy` puts it together."""
