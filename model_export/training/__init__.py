"""Training: the settings, and the rooms that import torch, which nothing else of the project may.

`config` alone of these rooms does without torch.
"""
