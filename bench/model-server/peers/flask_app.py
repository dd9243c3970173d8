"""The predictor that a Python team would write, and that this server takes over from: Flask, pandas, scikit-learn.

Gradient boosting over the same rows as examples/housing/models/housing-2.onnx; gunicorn --workers 1 flask_app:app
"""
import csv
import pathlib

import numpy as np
import pandas as pd
import sklearn.datasets
from flask import Flask, jsonify, request
from sklearn.ensemble import GradientBoostingRegressor

COLUMNS = ["CHAS", "RM", "TAX", "PTRATIO", "B", "LSTAT"]


def train():
    path = pathlib.Path(sklearn.datasets.__file__).parent / "data" / "boston_house_prices.csv"
    with path.open(newline="") as file:
        next(file)
        header, *rows = list(csv.reader(file))
    table = np.array(rows, dtype=np.float64)
    features = pd.DataFrame(table[:, [header.index(name) for name in COLUMNS]], columns=COLUMNS)
    return GradientBoostingRegressor(random_state=0).fit(features, table[:, header.index("MEDV")])


model = train()
app = Flask(__name__)


@app.route("/predict", methods=["POST"])
def predict():
    frame = pd.DataFrame(request.json)[COLUMNS]
    return jsonify({"prediction": model.predict(frame).tolist()})
