"""Commands of the wallet: parse, call, render."""
