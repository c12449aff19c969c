"""What the RNN predictor is made of."""
