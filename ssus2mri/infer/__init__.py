"""Synthesis of MR with a trained model."""
