"""What sound does on its way: beams, echoes, losses, speckle, display; `ultrasound` composes it."""
