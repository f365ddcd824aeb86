"""Fetal heads with known truth, seen as ultrasound and as MR."""
