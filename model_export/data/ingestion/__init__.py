"""Event files in, checked sessions out: one pipeline for `split`, `prepare`, and all that reads events.

::

    read -> check -> sessionize -> order -> split -> filter -> write

| step         | module       | what it makes                                                    |
| ------------ | ------------ | ---------------------------------------------------------------- |
| `read`       | `read`       | ids, type and time of every row, and the row's place in its file   |
| `check`      | `check`      | the same, one id (`cleaning`), times in seconds (`times`); or the first fault |
| `sessionize` | `sessionize` | a session id for each event                                         |
| `order`      | `order`      | each session in order of time, without repeats                      |
| `split`      | `split`      | train and test by time                                              |
| `filter`     | `filter`     | without rare items and short sessions                               |
| `write`      | `write`      | one file, the same bytes for the same rows                          |

Each step is an Ibis expression; an `Engine` runs it: DuckDB on one machine, Spark on many. `reader` turns a file into
`Sessions` in memory, `pipeline` runs all steps, `split_file` and `prepare` are the commands.
`sources` and `open_sources` find the files, `paths` the values inside a column. Both engines read the columns that
paths need; `paths.extracted` then follows the paths, with the same expressions on both. A new format is a member of
`formats.Format`, a loader in `duckdb_engine.LOADERS` and one in `spark_read`; a new notation of times is a `Kind`
in `times`, or a code in `time_format`; a new layout is a value in `model_export.data.presets`.
"""
