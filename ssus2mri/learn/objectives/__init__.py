"""Objectives: what a run minimises, one module for each kind of method."""
