"""Log the housing models with MLflow, and register them as versions 1 and 2 of `housing`; the alias `champion` is version 2.

    MLFLOW_TRACKING_URI=... python register.py FOLDER_OF_MODELS
"""
import pathlib
import sys

import mlflow
import onnx
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema

folder = pathlib.Path(sys.argv[1])
for version in ("1", "2"):
    model = onnx.load(folder / f"housing-{version}.onnx")
    columns = next(entry.value for entry in model.metadata_props if entry.key == "columns").split(",")
    if version == "2":
        # As most models come: only MLflow's signature knows the names of the columns.
        del model.metadata_props[:]
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", column) for column in columns]),
        outputs=Schema([ColSpec("float", "prediction")]),
    )
    with mlflow.start_run():
        # One file, so that one digest says which model it is; MLflow's default puts large weights into another.
        mlflow.onnx.log_model(
            model, name="model", signature=signature, registered_model_name="housing", save_as_external_data=False
        )
mlflow.MlflowClient().set_registered_model_alias("housing", "champion", "2")
