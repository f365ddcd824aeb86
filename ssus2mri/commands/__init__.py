"""The commands of the stages: parse, call one function. No logic, no heavy import."""
