#!/usr/bin/python3
"""Train a classifier of handwritten digits and write it as ONNX, byte for byte the same on every run.

Needs only Debian's python3-sklearn and python3-onnx; the digits (8 x 8 pixels, 0 to 16) are inside python3-sklearn.

    /usr/bin/python3 train.py [DIRECTORY]      default: the folder of this script

Writes models/digits-1.onnx, models/SHA256SUMS and samples.json with scikit-learn's own probabilities for images that the
model was not trained on.
"""
import hashlib
import json
import pathlib
import sys

import numpy as np
from onnx import TensorProto, checker, helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

TRAINED_ON = 1400
SAMPLES = range(TRAINED_ON, TRAINED_ON + 40)


def steady(values):
    """
    Three decimals. The fit has one optimum, but how near another BLAS, or another processor, comes to it differs in the eighth;
    weights of pixels that are always blank are such differences and nothing else.
    """
    return np.round(values, 3) + 0.0


def onnx_bytes(fit):
    weights = fit.coef_.T.astype(np.float32)
    bias = fit.intercept_.astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["pixels", "weights", "bias"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        ],
        "digits",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        initializer=[
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True),
            helper.make_tensor("bias", TensorProto.FLOAT, bias.shape, bias.tobytes(), raw=True),
        ],
    )
    model = helper.make_model(
        graph, producer_name="modelrelease-examples", ir_version=8,
        doc_string="Logistic regression on the digits of scikit-learn; pixels from 0 (paper) to 1 (ink), row by row",
        opset_imports=[helper.make_opsetid("", 17)],
    )
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def main(target):
    digits = load_digits()
    pixels = digits.data / 16
    fit = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-6, max_iter=1000)
    fit.fit(pixels[:TRAINED_ON], digits.target[:TRAINED_ON])
    fit.coef_, fit.intercept_ = steady(fit.coef_), steady(fit.intercept_)

    models = target / "models"
    models.mkdir(parents=True, exist_ok=True)
    content = onnx_bytes(fit)
    (models / "digits-1.onnx").write_bytes(content)
    (models / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  digits-1.onnx\n")

    probabilities = fit.predict_proba(pixels)
    accuracy = float((fit.predict(pixels[TRAINED_ON:]) == digits.target[TRAINED_ON:]).mean())
    samples = [
        {
            "image": [int(value) for value in digits.data[row]],
            "digit": int(digits.target[row]),
            "probabilities": [round(float(value), 5) for value in probabilities[row]],
        }
        for row in SAMPLES
    ]
    # One sample a line keeps the file readable and its differences small.
    lines = ",\n".join("    " + json.dumps(sample) for sample in samples)
    (target / "samples.json").write_text(
        f'{{\n  "accuracy": {accuracy:.4f},\n  "samples": [\n{lines}\n  ]\n}}\n'
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
