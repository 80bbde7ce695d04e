"""Every figure that the README quotes, by one command each, beside its peer in the same run."""
