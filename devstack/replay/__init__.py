"""The demo: simulated shoppers use the API, and a report shows their recommendations and the latency."""
