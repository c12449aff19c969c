"""Everything in kad that depends on the Keras backend."""
