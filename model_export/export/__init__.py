"""A training run -> a certified, quantized artifact. Torch appears here only to be compared with."""
