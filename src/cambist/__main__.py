"""Opens the command line for `python -m cambist`."""

from cambist.cli.main import main

main()
