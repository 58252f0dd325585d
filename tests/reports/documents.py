"""The machine and the data of the project under test."""

from scalewright.data import DatasetManifest
from scalewright.documents import Reason
from scalewright.machines import Device, Machine, Matmul, Precisions


def the_machine() -> Machine:
    cubes = [
        (128, 90e9, 62e9),
        (256, 210e9, 130e9),
        (512, 405e9, 191e9),
        (1024, 431e9, 204e9),
        (2048, 240e9, 118e9),
    ]
    matmul = [
        Matmul(dtype=dtype, shape=(n, n, n), size=n, flops_per_second=rate, spread=0.03, repeats=40)
        for n, bf16, fp32 in cubes
        for dtype, rate in (("bf16", bf16), ("fp32", fp32))
    ]
    matmul.append(
        Matmul(dtype="bf16", shape=(4096, 256, 1024), size=1024, flops_per_second=388e9, spread=0.05, repeats=20)
    )
    return Machine(
        name="workbench",
        cpu="AMD EPYC 9R14",
        cores=2,
        threads=2,
        memory_bytes=25_769_803_776,
        devices=(Device(kind="cpu", name="AMD EPYC 9R14", count=1, memory_bytes=25_769_803_776),),
        matmul=tuple(matmul),
        bandwidth_bytes_per_second={1: 20.1e9, 2: 58.3e9},
        links=(),
        precisions=Precisions(usable=("fp32", "bf16"), advised="bf16"),
        taken_by_others=0.12,
        quick=False,
        measured_at="2026-11-23T19:58:41+00:00",
        software={"torch": "2.13.0", "python": "3.11.2"},
        warnings=("other processes took 12 % of the processor: rates are too low; probe again when idle",),
        reasons={
            "memory_bytes": Reason(
                origin="given", text="by the operating system; its control group's limit where smaller"
            ),
            "matmul": Reason(origin="measured", text="median of repeated torch.mm of random matrices on 2 threads"),
            "precisions": Reason(
                origin="measured",
                text="bf16 runs matrix products 2.1x as fast as fp32 (431 against 204 GFLOP/s)",
            ),
        },
    )


def the_data() -> DatasetManifest:
    return DatasetManifest.model_validate(
        {
            "name": "english novels",
            "inputs": "9e107d9d372bb682",
            "seed": 0,
            "tokenizer": "bpe",
            "tokenizer_sha256": "b9719d911017c592",
            "vocabulary": 1024,
            "end_of_text": 0,
            "token_type": "uint16",
            "bytes_per_token": 2.84,
            "splits": {
                "train": {"documents": 48, "bytes": 11_076_000, "tokens": 3_900_000, "shards": []},
                "validation": {"documents": 2, "bytes": 610_240, "tokens": 214_600, "shards": []},
                "test": {"documents": 3, "bytes": 598_112, "tokens": 211_004, "shards": []},
            },
            "sources": [{"name": f"books/{i}.txt", "sha256": f"{i:064x}"} for i in range(54)],
            "skipped_count": 1,
            "skipped": [{"name": "books/cover.png", "why": "not text: byte 0x89 at the start"}],
            "duplicates_removed": 1,
            "near_duplicate_groups": 2,
            "cut": [],
            "notes": ["2 documents hold carriage returns: kept as they are"],
            "warnings": ["validation holds 2 documents only: its loss says little about other authors"],
            "reasons": {
                "vocabulary": {
                    "origin": "derived",
                    "text": "a BPE of 1,024 words: about 11 MB of text, small trunks",
                },
                "bytes_per_token": {
                    "origin": "measured",
                    "text": "11,076,000 bytes over 3,900,000 tokens of training text",
                },
            },
        }
    )
