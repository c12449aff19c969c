"""Export of trained detectors to ONNX.

    from export import export

    export("runs/pump", "pump.onnx")

Needs TensorFlow and tf2onnx (`pip install 'kad-anomaly[export]'`); the detector may have been
trained on any backend.
"""

from export.exporter import Exported, export

__all__ = ["Exported", "export"]
