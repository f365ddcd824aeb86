"""US-to-MR synthesis of the fetal brain, from a manifest to a report.

The flow, a stage a word: simulate, crop, align, extract, train, synthesize, register, compare,
score, render. ``docs/architecture.md`` says what each reads and writes.

Axis letters of array shapes: ``Z`` inferior to superior, ``Y`` anterior to posterior, ``X`` right
to left (so index order ``[z, y, x]``), ``N`` batch, ``C`` channels, ``S`` slices, ``H`` rows, ``W``
columns. World coordinates are ITK's: LPS, in mm.
"""

__version__ = "0.1.0"
