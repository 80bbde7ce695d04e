"""Train the network and the session memory and keep runs."""
