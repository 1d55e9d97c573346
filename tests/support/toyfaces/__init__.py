"""A complete small plugin for the tests: a data set that draws itself, and methods that train in a second."""
