"""The attribute map: it places items that a model was not trained on, by their attributes.

| module          | what it does                                                          |
| --------------- | --------------------------------------------------------------------- |
| `features`      | describes items by numbers: hashed texts, places between quantiles    |
| `attribute_map` | the map, its file, and the rows that it gives to items of a catalogue |
| `learn`         | learns a map from an item table                                       |
"""
