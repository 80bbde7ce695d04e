"""Which alarms exist, and how they are evaluated."""
