"""Evaluation of synthetic MR: knows no model and reads slice files, whoever wrote them."""
