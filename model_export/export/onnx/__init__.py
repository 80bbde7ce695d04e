"""ONNX graphs as data: builder, parameters, weights file."""
