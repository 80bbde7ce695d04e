"""Watch a running stack: its metrics, and the alarms that are deployed."""
