"""The demo shop and the console: pages that devstack serves, and the small JSON API behind them. Never deployed."""
