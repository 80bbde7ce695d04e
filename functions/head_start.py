"""Importing this starts to fetch the model, so it is imported before what takes long. Knows only that there is one."""

from nextitem.fetching import HeadStart

HEAD_START = HeadStart()
