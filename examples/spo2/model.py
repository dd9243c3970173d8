#!/usr/bin/python3
"""Write the SpO2 model as ONNX, byte for byte the same on every run: spo2 = 100 - 5 * ratio.

Needs only Debian's python3-onnx. The line is the one that is usually drawn through red and blue light of phone cameras;
nobody calibrated it for yours.

    /usr/bin/python3 model.py [DIRECTORY]      default: the folder of this script
"""
import hashlib
import pathlib
import sys

from onnx import TensorProto, checker, helper

SLOPE, INTERCEPT = -5.0, 100.0


def onnx_bytes():
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["ratio", "slope", "intercept"], ["spo2"])], "spo2",
        [helper.make_tensor_value_info("ratio", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("spo2", TensorProto.FLOAT, ["N", 1])],
        initializer=[
            helper.make_tensor("slope", TensorProto.FLOAT, [1, 1], [SLOPE]),
            helper.make_tensor("intercept", TensorProto.FLOAT, [1], [INTERCEPT]),
        ],
    )
    model = helper.make_model(
        graph, producer_name="modelrelease-examples", ir_version=8,
        doc_string="Blood oxygen from the ratio of ratios of red and blue; not a medical device",
        opset_imports=[helper.make_opsetid("", 17)],
    )
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def main(target):
    models = target / "models"
    models.mkdir(parents=True, exist_ok=True)
    content = onnx_bytes()
    (models / "spo2-1.onnx").write_bytes(content)
    (models / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  spo2-1.onnx\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
