"""What the VAE-LSTM is made of."""
