"""`python -m simulator.bench`, what `./loquet bench` becomes once everything is set up."""

import sys

from simulator.bench.verb import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
