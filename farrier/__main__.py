"""`python -m farrier`."""

from farrier.app import main

main()
