"""``python -m ssus2mri``: the same as the ``ssus2mri`` command."""

from ssus2mri.cli import main

main()
