"""Evaluation of synthetic MR: reads slice files, whoever wrote them, and knows no model."""
