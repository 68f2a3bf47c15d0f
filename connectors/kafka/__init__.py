"""Apache Kafka as a destination, and as the way to a model that answers on a reply topic."""

from connectors.kafka.config import KafkaConfig
from connectors.kafka.connector import KafkaConnector

__all__ = ["KafkaConfig", "KafkaConnector"]
