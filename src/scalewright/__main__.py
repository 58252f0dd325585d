"""`python -m scalewright` is `scalewright`."""

from scalewright.cli.main import main

main()
