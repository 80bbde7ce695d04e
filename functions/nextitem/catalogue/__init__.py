"""What a shop says of its products: a memory-mapped file of attributes, and the items that requests may name."""
