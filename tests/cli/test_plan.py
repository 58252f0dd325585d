"""`plan` and `machines` as a user types them."""

import itertools

import pytest

from scalewright.ledger import Ledger, Run
from scalewright.planning.machine_plan import MachinePlan

ASKED = "plan", "--law", "published:chinchilla", "--machine", "64 x H100-SXM"


def test_a_plan(answer, call):
    found = answer(*ASKED, "--days", "7")
    choice = found["choice"]
    assert choice["tokens"] == pytest.approx(choice["seconds"] * choice["tokens_per_second"])
    assert {"params", "tokens", "seconds", "device_hours", "memory_bytes", "mfu", "layout"} <= choice.keys()
    assert {"front", "runner_up", "ideal", "efficiency", "reasons", "forecast"} <= found.keys()
    code, out, error = call(*ASKED, "--hours", "168", "--explain")
    assert (code, error) == (0, "")
    assert "within 7 days" in out
    assert "params  derived" in out


def test_a_law_of_ones_own(answer, law):
    found = answer("plan", "--law", law, "--machine", "8 x A100", "--flops", "1e20")
    assert found["choice"]["flops"] == pytest.approx(1e20)
    assert found["law"] == str(law)


def test_it_is_kept(call, tmp_path):
    code, _, _ = call(*ASKED, "--usd", "1000", "--usd-per-hour", "2", "--out", tmp_path / "plan.json")
    plan = MachinePlan.load(tmp_path / "plan.json")
    assert (code, plan.choice.usd) == (0, pytest.approx(1000))
    assert plan.choice.device_hours == pytest.approx(500)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no limit"),
        (["--hours", "1", "--days", "1"], "hours and days"),
        (["--days", "soon"], "--days: found 'soon'"),
        (["--days", "1", "--context", "0"], "context 0"),
    ],
)
def test_what_cannot_be_planned(refusal, options, said):
    assert said in refusal(*ASKED, *options)


def test_machines_and_laws_that_are_none(refusal):
    assert "say 64 or 72" in refusal(*ASKED[:3], "--machine", "70 x H100", "--days", "1")
    assert "H100-SXM" in refusal(*ASKED[:3], "--machine", "8 x H100-SXN", "--days", "1")
    assert "published:moore" in refusal("plan", "--law", "published:moore", "--machine", "L4", "--days", "1")


def test_too_little_memory_is_work_that_failed(call):
    code, _, error = call(
        "plan", "--law", "published:chinchilla", "--machine", "T4", "--days", "900", "--params", "70B"
    )
    assert code == 1
    assert "take more devices" in error


def test_the_catalogue(answer, call):
    found = answer("machines")["machines"]
    assert len(found) >= 25
    code, out, _ = call("machines", "mi300x")
    assert code == 0
    assert "1307.4, dense" in out.replace("fp8", "") or "bf16 1307.4" in out
    assert "amd.com" in out
    code, out, _ = call("machines")
    assert (code, "H100-SXM" in out) == (0, True)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_it_is_drawn(call, tmp_path, suffix):
    path = tmp_path / f"plan.{suffix}"
    code, _, error = call(*ASKED, "--days", "7", "--plot", path)
    assert (code, error) == (0, "")
    assert path.read_bytes().startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_a_picture_of_no_kind_is_refused_before_the_work(refusal, tmp_path):
    assert "expected .png" in refusal(*ASKED, "--days", "7", "--plot", tmp_path / "plan.txt")


def test_serving_counts(answer, call):
    free, bound = (
        answer(*ASKED, "--days", "7"),
        answer(*ASKED, "--days", "7", "--serving-memory", "8", "--serving-ms", "4"),
    )
    assert bound["choice"]["params"] < free["choice"]["params"]
    assert bound["choice"]["serving_bytes"] <= 8e9
    assert bound["choice"]["serving_seconds_per_token"] <= 4e-3
    assert bound["limits"]["serving_memory_bytes"] == 8e9
    code, out, _ = call(*ASKED, "--days", "7", "--serving-tokens", "2T", "--explain")
    assert code == 0
    assert "2e+12 tokens to be served" in out
    assert "serving_seconds  assumed" in out


def test_what_a_plan_is_for_is_said_once(refusal, tmp_path):
    assert "a project.toml, or both --law and --machine" in refusal("plan", "--days", "7")
    project = tmp_path / "project.toml"
    project.write_text('name = "x"\ndata = ["*.txt"]\n[budget]\nflops = 1e12\n')
    assert "--days: found beside" in refusal("plan", project, "--days", "7")
    assert "no such file" in refusal("plan", tmp_path / "none.toml")
    assert "--ledger" in refusal(*ASKED, "--days", "1", "--ledger", "some.db")


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("8", 8e9), ("8GB", 8e9), ("8000 mb", 8e9), ("7.5GiB", 7.5 * 2**30), ("0.01TB", 1e10), ("8G", 8e9)],
)
def test_memory_with_its_unit(answer, written, bytes_):
    found = answer(*ASKED, "--days", "1", "--serving-memory", written)
    assert found["limits"]["serving_memory_bytes"] == pytest.approx(bytes_)


@pytest.mark.parametrize("written", ["8 litres", "GB", "-3GB", "8 i"])
def test_no_amount_of_memory(refusal, written):
    assert "--memory" in refusal(*ASKED, "--days", "1", "--memory", written)


def test_pairs_in_a_ledger_price_the_precision(answer, refusal, tmp_path):
    def loss(params, tokens):
        return 1.5 + 100 * params**-0.4 + 200 * tokens**-0.4

    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for (n, d), seed, (precision, rho) in itertools.product(
            itertools.product((10_000, 20_000, 40_000), (100_000, 200_000, 800_000)),
            (0, 1),
            (("fp32", 1), ("bf16", 0.9)),
        ):
            ledger.record_run(
                Run(id=f"{n} {d} {seed} {precision}", study="s", role="ladder", configuration={"seed": seed}, data_hash="d",
                    tokenizer_hash="t", task="language", context=64, recipe_version=1, seed=seed, params=n, params_total=n,
                    tokens=d, unique_tokens=d, flops=6.0 * n * d, precision=precision, layout="one",
                    loss=loss(rho * n, d) * (1 + 0.001 * seed), seconds=1.0, tokens_per_second=1.0, peak_memory_bytes=1)
            )  # fmt: skip
    told = (*ASKED, "--days", "7", "--ledger", tmp_path / "ledger.db")
    found, plain = answer(*told), answer(*ASKED, "--days", "7")
    assert (
        "fitted from 18 pairs here (6 trunks, bf16 against fp32): rho = 0.9"
        in found["reasons"]["precision_price"]["text"]
    )
    assert found["forecast"]["value"] > plain["forecast"]["value"]
    assert "rho taken as 1: not measured" in plain["reasons"]["precision_price"]["text"]
    with Ledger.open(tmp_path / "empty.db"):
        pass
    assert "no pairs of them tell the price" in refusal(*ASKED, "--days", "7", "--ledger", tmp_path / "empty.db")
