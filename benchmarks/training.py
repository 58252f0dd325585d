"""What training promises, against its peers.

    python benchmarks/training.py [PART...]        all parts by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code they depend on; a part measured
before under the same code is printed from there.
"""

from kept_parts import print_parts
from precision_price import price_lines
from prepare_speed import prepare_lines
from tracking_cost import tracking_lines
from training_pictures import picture_lines
from training_processes import process_lines
from training_speed import speed_lines

PARTS = {
    "speed": speed_lines,
    "processes": process_lines,
    "pictures": picture_lines,
    "tracking": tracking_lines,
    "prepare": prepare_lines,
    "price": price_lines,
}

if __name__ == "__main__":
    print_parts("training", __doc__, PARTS)
