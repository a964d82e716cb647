"""The library of sample scenarios: a source and its cases for each. Samples to begin with, and no legal advice."""
