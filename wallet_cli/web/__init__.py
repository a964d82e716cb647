"""My data: the wallet as a page on the holder's own machine, over the services that the commands call."""
