"""Commands: parse, call a service, draw."""
