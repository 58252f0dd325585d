"""What training promises, against its peers.

    python benchmarks/training.py [PART...]        all parts by default

Each part prints its lines and keeps them under benchmarks/results with the hash of the code they depend on; a part measured
before under the same code is printed from there. What this machine has no hardware for is said and not kept.
"""

from functools import partial

from kept_parts import Part, print_parts
from precision_price import price_lines
from prepare_speed import prepare_lines
from suites import Suite
from tracking_cost import tracking_lines
from training_pictures import loading_lines, picture_lines
from training_processes import process_lines
from training_speed import large_lines, speed_lines

PARTS: dict[str, Part] = {
    **{
        f"{part}-{precision}": partial(lines, precision)
        for part, lines in (("speed", speed_lines), ("large", large_lines), ("processes", process_lines))
        for precision in ("bf16", "fp32")
    },
    "pictures": picture_lines,
    "loading": loading_lines,
    "tracking": tracking_lines,
    "prepare": prepare_lines,
    "price": price_lines,
    "layouts": Suite(
        "every layout has the losses of one process within 1e-5 over 20 steps, and checkpoints that all others read",
        ("training/test_layouts.py", "training/test_batch_norm.py"),
    ),
    "resume": Suite(
        "killed at random moments, a training ends bit for bit as undisturbed", ("training/test_kills.py",)
    ),
    "studies": Suite(
        "workers, drivers and a node are killed: every run is there once, none is lost",
        ("studies/test_kills.py", "studies/test_on_ray.py::test_a_node_removed_in_the_middle"),
    ),
    "ledger": Suite(
        "eight writers of 10,000 rows each: no lock errors, nothing lost",
        ("ledger/test_metric_log.py::test_writers_side_by_side",),
    ),
    "faults": Suite(
        "numbers that are none, damaged checkpoints, full disk, SIGTERM, a lost worker, too little memory, overflow: recovered",
        (
            "training/test_faults.py",
            "training/test_spikes.py",
            "training/test_loop.py::test_a_damaged_checkpoint_is_seen_and_the_one_before_it_taken",
            "training/test_precision.py::test_an_overflow_leaves_the_step_out_and_halves_the_scale",
            "training/test_layouts.py::test_a_lost_process_is_replaced_and_training_goes_on",
            "training/test_layouts.py::test_a_lost_node_is_not_waited_for",
        ),
    ),
}

if __name__ == "__main__":
    print_parts("training", __doc__, PARTS)
