"""The command line: each command imports what it needs when it is called, and leaves the work to the layers above."""
