"""`python -m septet` is the command `septet`."""

from septet.cli.main import main

main()
