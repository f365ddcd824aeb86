"""Where a head lies in a 3D ultrasound: a network that was trained on simulated scans."""
