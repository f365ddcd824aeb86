"""Configuration: pydantic models, one per section; unknown keys refused, no defaults in code."""
