"""Building the deployable function: finding an interpreter and describing what came out.

Knows files and archives only; nothing of what the function does.
"""
