"""From one scan to MR, tissues, trust and sizes, with the network that the package has."""
