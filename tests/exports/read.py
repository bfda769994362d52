"""Reads what `gansweep export` has written with the programs that it is for, and compares it with the database.

    python read.py DATABASE FOLDER

FOLDER has the exports `parquet`, `tensorboard` and `mlflow` of all sweeps.
"""

import json
import math
import os
import sqlite3
import struct
import sys
from pathlib import Path

# MLflow still reads stores of files, and asks to be told so.
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

import mlflow  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # noqa: E402

TYPES = {"int64": int, "double": float, "string": str}
VIEWS = {
    "sweeps": "sweep_overview",
    "runs": "run_overview",
    "points": "points_named",
    "summaries": "summaries_named",
    "attempts": "attempts_named",
    "evaluations": "evaluations_named",
    "trials": "trials_named",
}


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def value_of(value, kind):
    return {"+inf": math.inf, "-inf": -math.inf, "nan": math.nan}.get(kind, value)


def same(ours, theirs):
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def check_parquet(database, folder):
    rows = 0
    for name, view in VIEWS.items():
        file = pq.ParquetFile(folder / f"{name}.parquet")
        table = file.read()
        cursor = database.execute(f"SELECT * FROM {view}")
        columns = [column[0] for column in cursor.description]
        assert table.column_names == columns, (name, table.column_names)
        types = [TYPES[str(field.type)] for field in table.schema]
        key = lambda row: [(value is not None, str(value)) for value in row]  # noqa: E731
        recorded = sorted(cursor.fetchall(), key=key)
        for row in recorded:
            for column, kind, value in zip(columns, types, row):
                real = kind is float and isinstance(value, int)
                assert value is None or real or isinstance(value, kind), (name, column, kind, value)
        exported = sorted(zip(*(table[column].to_pylist() for column in columns)), key=key)
        typed = [tuple(v if v is None else t(v) for v, t in zip(row, types)) for row in recorded]
        assert sorted(exported, key=key) == sorted(typed, key=key), name
        units = json.loads(file.schema_arrow.metadata[b"gansweep.units"])
        assert units["metrics"]["seconds"] == "s" and set(units) - {"metrics"} <= set(columns), units
        rows += len(exported)
    assert units.get("value") == "the metric's"
    print(f"parquet: {rows} rows of {len(VIEWS)} tables, as in the database")


def points_of(database, run, until):
    sql = "SELECT metric, step, value, kind FROM points_named WHERE run = ? AND step <= ? ORDER BY step"
    points = {}
    for metric, step, value, kind in database.execute(sql, (run, until)):
        points.setdefault(metric, []).append((step, value_of(value, kind)))
    return points


def entries(database):
    sql = "SELECT sweep, id, label, epochs, total_steps, state, seed, swept FROM run_overview WHERE sweep IS NOT NULL"
    return database.execute(sql).fetchall()


def grids_of(database, run, until):
    sql = "SELECT step, source FROM samples_named WHERE run = ? AND step <= ? ORDER BY step"
    return database.execute(sql, (run, until)).fetchall()


def check_tensorboard(database, folder):
    scalars = images = 0
    runs = entries(database)
    keys = {"seed"}.union(*(json.loads(swept) for *_, swept in runs))
    for sweep, run, _, epochs, until, _, seed, swept in runs:
        (place,) = folder.glob(f"{sweep}/*{run} {epochs} epochs")
        events = EventAccumulator(str(place), size_guidance={"scalars": 0, "images": 0})
        events.Reload()
        tags = events.Tags()
        curves = {tag.split("/")[-1]: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
        recorded = points_of(database, run, until)
        assert set(curves) == set(recorded), (run, set(curves) ^ set(recorded))
        for metric, points in recorded.items():
            pairs = zip(curves[metric], points, strict=True)
            assert all(a[0] == b[0] and same(a[1], float32(b[1])) for a, b in pairs), (run, metric)
            scalars += len(points)
        grids = [image for tag in tags["images"] for image in events.Images(tag)]
        assert len(grids) == len(grids_of(database, run, until))
        assert all(grid.encoded_image_string.startswith(b"\x89PNG") and grid.width > 0 for grid in grids)
        images += len(grids)
        start = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        values = HParamsPluginData.FromString(start).session_start_info.hparams
        expected = {**json.loads(swept), "seed": seed}
        assert set(values) == set(expected)
        for key, value in expected.items():
            kind = values[key].WhichOneof("kind")
            shown = getattr(values[key], kind)
            assert shown == (json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value), (key, shown)
        content = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
        described = HParamsPluginData.FromString(content).experiment
        # TensorBoard shows the keys of one run's record, which has those of all.
        assert {info.name for info in described.hparam_infos} == keys and described.metric_infos
    assert scalars and images
    print(f"tensorboard: {len(runs)} runs, {scalars} scalars, {images} images")


def check_mlflow(database, folder):
    client = mlflow.MlflowClient(tracking_uri=folder.as_uri())
    experiments = {experiment.name: experiment for experiment in client.search_experiments()}
    points = 0
    runs = entries(database)
    for sweep, run, label, epochs, until, state, seed, swept in runs:
        place = [experiments[sweep].experiment_id]
        found = client.search_runs(place, f"tags.`gansweep.run` = '{run}' and params.`train.epochs` = '{epochs}'")
        assert len(found) == 1, (run, found)
        (there,) = found
        assert there.info.run_name == label and there.data.params["seed"] == str(seed)
        assert (there.info.status == "FINISHED") == (state == "completed"), (there.info.status, state)
        assert there.data.params["optimizer.generator.lr"]
        assert set(json.loads(swept)) <= set(there.data.params), (run, swept)
        recorded = points_of(database, run, until)
        assert set(there.data.metrics) == set(recorded), (run, set(there.data.metrics) ^ set(recorded))
        for metric, values in recorded.items():
            history = sorted(client.get_metric_history(there.info.run_id, metric), key=lambda it: it.step)
            assert len(history) == len(values)
            assert all(a.step == b[0] and same(a.value, b[1]) for a, b in zip(history, values)), (run, metric)
            points += len(values)
        grids = client.list_artifacts(there.info.run_id, "samples")
        assert len(grids) == len(grids_of(database, run, until))
    assert points
    print(f"mlflow: {len(runs)} runs, {points} points")


def main():
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    folder = Path(sys.argv[2]).absolute()
    check_parquet(database, folder / "parquet")
    check_tensorboard(database, folder / "tensorboard")
    check_mlflow(database, folder / "mlflow")


main()
