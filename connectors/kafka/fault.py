"""What an error of the Kafka client means for the caller.

Codes: https://kafka.apache.org/protocol#protocol_error_codes
"""

from __future__ import annotations

from aiokafka import errors as kafka

from gateway.errors import AuthError, HeadraceError, Outage, Refusal

TOO_LARGE = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.RecordTooLargeError,
)
_REFUSED = (*TOO_LARGE, kafka.PolicyViolationError, kafka.InvalidTimestampError)
_FORBIDDEN = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.ClusterAuthorizationFailedError,
    kafka.SaslAuthenticationFailed,
    kafka.TopicAuthorizationFailedError,
    kafka.UnsupportedSaslMechanismError,
)


def fault(error: Exception, where: str) -> HeadraceError:
    """`where` says which topic on which brokers. What is not known to be final is an outage."""
    name = type(error).__name__.removesuffix("Error")
    said = str(error).strip().rstrip(".")
    what = f"{where}: {name}" + (f" ({said})" if said and said != name else "")
    if isinstance(error, TOO_LARGE):
        return Refusal(
            f"{what}.",
            code="message_too_large",
            mend="Raise the topic's `max.message.bytes`, or send less of the record.",
        )
    if isinstance(error, _REFUSED):
        return Refusal(f"{what}.", code="kafka_refused")
    if isinstance(error, _FORBIDDEN):
        return AuthError(f"{what}.", mend="Check `sasl`, `tls` and the topic's access rules.")
    if isinstance(error, kafka.InvalidTopicError):
        return Outage(f"{what}.", mend="The brokers do not accept the topic's name.")
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return Outage(f"{what}.", mend="Create the topic.", code="topic_missing")
    return Outage(f"{what}.")
