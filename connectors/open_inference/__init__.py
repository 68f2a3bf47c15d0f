"""Open Inference Protocol V2 over REST: MLServer, KServe, Triton, OpenVINO and others.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
"""

from connectors.open_inference.endpoint import OpenInferenceConnector

__all__ = ["OpenInferenceConnector"]
