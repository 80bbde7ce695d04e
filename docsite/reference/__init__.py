"""Reference pages made from code while the site is built, so that no page can be behind the code."""
