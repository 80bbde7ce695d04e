"""How well items are recommended that the model was not trained on: `python -m bench.cold_items`."""
