"""Item files in, a catalogue out.

| module    | what it does                                                                  |
| --------- | ----------------------------------------------------------------------------- |
| `load`    | reads a file of items into DuckDB: CSV, TSV, JSON Lines or Parquet            |
| `kinds`   | finds the kind of each column, or the first value that is not of its kind     |
| `encode`  | sorts the items by their ids, and turns columns into arrays                   |
| `build`   | all of these: one file of items becomes one catalogue file                    |
| `filters` | reads the named filters of a catalogue                                        |
| `changes` | compares two catalogues                                                       |
"""
