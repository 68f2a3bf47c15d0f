"""The composition: the only place that knows every stage."""

from gateway.pipeline.running import Running, Unsettled, open_control, running

__all__ = ["Running", "Unsettled", "open_control", "running"]
