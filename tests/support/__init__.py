"""Phantoms and trainings that several tests share."""
