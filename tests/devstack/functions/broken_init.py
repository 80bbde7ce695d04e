"""A function whose process ends during init."""

import os

os._exit(7)
