"""What trackers wrote, as their own tools read it."""

import json
import struct

DAY = {"optimiser": "adamw", "width": 32, "recipe.learning_rate": 0.01, "compiled": False, "unique_tokens": None}
"""A configuration with every kind of value."""


def mlflow_run(uri, study, run):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(study).experiment_id
    (found,) = client.search_runs([experiment], f"tags.`scalewright.run` = '{run}'")
    history = {
        name: [(one.step, one.value) for one in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }
    return found, {name: sorted(told) for name, told in history.items()}


def tensorboard_run(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events, {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}


def wandb_records(path):
    """The records of a `.wandb` file: blocks of 32 KiB with chunks of whole or split records, as LevelDB's logs have them."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, whole, records = path.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # too little for a head: blanks up to the next block
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # the whole of a record, or its last chunk
            records.append(Record.FromString(whole))
            whole = b""
    return records


def wandb_run(path):
    """Run, configuration, {name: [(step, value)]}, summary and exit code that a `.wandb` file holds."""
    records = wandb_records(path)
    (run,) = (record.run for record in records if record.HasField("run"))
    configuration = {item.key: json.loads(item.value_json) for item in run.config.update}
    told, summary = {}, {}
    for record in records:
        if record.HasField("history"):
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                told.setdefault(name, []).append((record.history.step.num, json.loads(item.value_json)))
        if record.HasField("summary"):
            for item in record.summary.update:
                summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    codes = [record.exit.exit_code for record in records if record.HasField("exit")]
    return run, configuration, told, summary, codes
