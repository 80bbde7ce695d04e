"""The documentation site: Sphinx's configuration, its navigation, and the reference pages that are made from code."""
