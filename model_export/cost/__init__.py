"""What a deployment costs in a month, at list prices."""
