"""Which metrics exist, and what is computed from them."""
