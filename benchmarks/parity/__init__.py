"""Whether backends and ONNX agree."""
