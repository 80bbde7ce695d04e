"""Import contracts that import-linter does not bring, and tests of the tree's shape."""
