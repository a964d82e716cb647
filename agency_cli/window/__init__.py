"""The service window: a page on the clerk's own machine. Keys and verification stay in this program; a page draws."""
