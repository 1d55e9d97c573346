"""`python -m ferbench.cli`: the same as the script `ferbench`."""

from ferbench.cli.main import main

if __name__ == "__main__":  # worker processes import this module under another name
    main()
