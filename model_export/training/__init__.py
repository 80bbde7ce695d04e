"""The rooms that import torch: network, losses, batches and the fit. Nothing else of the project may."""
