"""Open-loop load: arrival times are fixed in advance, so slow answers do not delay later arrivals."""
