"""The event lake: Parquet files of the events that sessions took, from the session store's streams (decision 37)."""
