#!/usr/bin/python3
"""Train the housing models and write them as ONNX, byte for byte the same on every run.

Needs only Debian's python3-sklearn and python3-onnx (no skl2onnx): the graphs are small enough to write by hand.

    /usr/bin/python3 train.py [DIRECTORY]      default: the folder of this script

Writes models/housing-1.onnx (LinearRegression), models/housing-2.onnx (GradientBoosting),
models/housing-wrong.onnx (a well-formed model with wrong answers), models/SHA256SUMS and samples.json.
"""
import csv
import hashlib
import json
import pathlib
import sys

import numpy as np
import sklearn.datasets
from onnx import TensorProto, checker, helper
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

COLUMNS = ["CHAS", "RM", "TAX", "PTRATIO", "B", "LSTAT"]
SAMPLE_ROWS = sorted({0, 8, *range(0, 506, 20)})
# Two houses that nobody would confuse: a comfortable one beside the river park, and one in the poorest tract.
KNOWN_HOUSES = {"comfortable": 0, "poor": 400}


def load_boston():
    """The raw rows. sklearn dropped load_boston() but Debian's package still carries its CSV."""
    path = pathlib.Path(sklearn.datasets.__file__).parent / "data" / "boston_house_prices.csv"
    with path.open(newline="") as file:
        next(file)  # "506,13,..."
        header, *rows = list(csv.reader(file))
    table = np.array(rows, dtype=np.float64)
    return table[:, [header.index(name) for name in COLUMNS]], table[:, header.index("MEDV")]


def steady(values):
    """Seven significant digits: another BLAS or SIMD width moves the last bits of a fit, and float32 keeps no more."""
    return [float(f"{float(value):.7g}") for value in np.ravel(values)]


def float32_at_most(threshold):
    """sklearn compares a float32 x with a float64 threshold; rounding that up would send some row to the other leaf."""
    rounded = np.float32(threshold)
    return float(rounded if rounded <= threshold else np.nextafter(rounded, np.float32(-np.inf)))


def linear_node(fit):
    return helper.make_node(
        "LinearRegressor", ["x"], ["prediction"], domain="ai.onnx.ml",
        coefficients=steady(fit.coef_), intercepts=steady(fit.intercept_), targets=1,
    )


def boosting_node(fit):
    nodes = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")}
    leaves = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree_id, estimator in enumerate(fit.estimators_[:, 0]):
        tree = estimator.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            nodes["treeids"].append(tree_id)
            nodes["nodeids"].append(node)
            nodes["modes"].append("LEAF" if leaf else "BRANCH_LEQ")
            nodes["featureids"].append(0 if leaf else int(tree.feature[node]))
            nodes["values"].append(0.0 if leaf else float32_at_most(tree.threshold[node]))
            nodes["truenodeids"].append(0 if leaf else int(tree.children_left[node]))
            nodes["falsenodeids"].append(0 if leaf else int(tree.children_right[node]))
            if leaf:
                leaves["treeids"].append(tree_id)
                leaves["nodeids"].append(node)
                leaves["ids"].append(0)
                leaves["weights"] += steady(tree.value[node, 0, 0] * fit.learning_rate)
    return helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["prediction"], domain="ai.onnx.ml",
        n_targets=1, aggregate_function="SUM", post_transform="NONE", base_values=steady(fit.init_.constant_),
        **{f"nodes_{key}": value for key, value in nodes.items()},
        **{f"target_{key}": value for key, value in leaves.items()},
    )


def onnx_bytes(node, description):
    graph = helper.make_graph(
        [node], "housing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(COLUMNS)])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])],
    )
    model = helper.make_model(
        graph, producer_name="modelrelease-examples", ir_version=8, doc_string=description,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
    )
    # The order of the columns travels with the weights, under the same digest: see model-server/README.md.
    helper.set_model_props(model, {"columns": ",".join(COLUMNS)})
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def request(row):
    """The body of POST /predict: what pandas' DataFrame.to_json() writes for one row."""
    return {name: {"0": value} for name, value in zip(COLUMNS, row.tolist())}


def main(target):
    features, prices = load_boston()
    shuffled = prices[np.random.RandomState(0).permutation(len(prices))]
    linear = LinearRegression().fit(features, prices)
    boosting = GradientBoostingRegressor(random_state=0).fit(features, prices)
    wrong = GradientBoostingRegressor(random_state=0).fit(features, shuffled)
    fits = {
        "1": (linear, onnx_bytes(linear_node(linear), "LinearRegression on the Boston housing data")),
        "2": (boosting, onnx_bytes(boosting_node(boosting), "GradientBoostingRegressor on the Boston housing data")),
        "wrong": (wrong, onnx_bytes(boosting_node(wrong), "trained on shuffled prices: well-formed, and wrong")),
    }

    models = target / "models"
    models.mkdir(parents=True, exist_ok=True)
    described = {}
    for version, (_, content) in fits.items():
        path = models / f"housing-{version}.onnx"
        path.write_bytes(content)
        described[version] = {"file": f"models/{path.name}", "sha256": hashlib.sha256(content).hexdigest()}
    sums = "".join(f"{model['sha256']}  {pathlib.Path(model['file']).name}\n" for model in described.values())
    (models / "SHA256SUMS").write_text(sums)

    predicted = {version: fit.predict(features) for version, (fit, _) in fits.items()}
    samples = [
        {
            "row": row,
            "request": request(features[row]),
            "predictions": {version: round(float(values[row]), 6) for version, values in predicted.items()},
            "price": float(prices[row]),
        }
        for row in sorted({*SAMPLE_ROWS, *KNOWN_HOUSES.values()})
    ]
    known = {name: next(i for i, s in enumerate(samples) if s["row"] == row) for name, row in KNOWN_HOUSES.items()}
    # One sample a line keeps the file readable and its differences small.
    lines = ",\n".join("    " + json.dumps(sample) for sample in samples)
    (target / "samples.json").write_text(
        "{\n"
        f'  "columns": {json.dumps(COLUMNS)},\n'
        f'  "models": {json.dumps(described)},\n'
        f'  "knownHouses": {json.dumps(known)},\n'
        f'  "samples": [\n{lines}\n  ]\n'
        "}\n"
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
