"""Pages for people on devstack's port. AWS serves none of them."""
