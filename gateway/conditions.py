"""Conditions on records, in the Common Expression Language (cel.dev): `data.country == 'DE'`.

CEL is side-effect free and always ends. What a condition may name is closed (VARIABLES), so that
a typing error is found when the project is read and not at the first record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cel

from gateway.errors import ConfigError, Refusal

VARIABLES: Mapping[str, str] = {
    "data": "the contract's fields; null for a delete",
    "key": "the entity's key",
    "source": "the source the record was read from",
    "stream": "the stream of that source",
    "contract": "the contract's name and version",
    "operation": "`upsert` or `delete`",
    "version": "the source's version of the row, or null",
    "event_at": "when the source changed the row, a timestamp, or null",
    "recorded_at": "when the record was made, a timestamp",
    "hops": "how many model answers are in the record's lineage",
}
FUNCTIONS = frozenset(
    [
        "contains",
        "size",
        "startsWith",
        "endsWith",
        "matches",
        "string",
        "bytes",
        "double",
        "int",
        "uint",
        "type",
        "dyn",
        "duration",
        "timestamp",
        "getFullYear",
        "getMonth",
        "getDayOfYear",
        "getDayOfMonth",
        "getDate",
        "getDayOfWeek",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    ]
)
"""The functions of the CEL definition that the library has; operators and macros come beside."""
_TYPES = frozenset(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"])
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
MAX_CHARACTERS = 4_096


class ConditionError(Refusal):
    """A condition could not be answered for a record: a field it compares is absent or of another
    type. The same record will always get the same answer, so it becomes a dead letter."""

    code = "condition_failed"


class Condition:
    """A compiled condition. `variables` are the names it uses: without `data` in it, no data
    need be decoded to answer it."""

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        named = frozenset(str(name) for name in program.variables())
        self.variables = named - _TYPES - frozenset(_BOUND.findall(text))
        self._program = program

    def matches(self, record_fields: Mapping[str, Any]) -> bool:
        """Whether a record meets it. `record_fields` maps VARIABLES to plain values.

        Raises ConditionError where the answer is neither true nor false.
        """
        try:
            answer = self._program.execute(dict(record_fields))
        except KeyError as error:
            raise ConditionError(
                f"`{self.text}` asks for {error.args[0]!r}, which this record does not have.",
                mend="Guard an optional field: `has(data.x) && data.x == …`.",
            ) from None
        except Exception as error:  # noqa: BLE001 - foreign code, and any record
            raise ConditionError(
                f"`{self.text}` cannot be answered for this record: {_first_sentence(error)}",
                mend="Compare like with like: `double(data.amount) > 1.0`.",
            ) from None
        if not isinstance(answer, bool):
            raise ConditionError(
                f"`{self.text}` answers {type(answer).__name__}, not true or false.",
                mend="Make it a comparison.",
            )
        return answer

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"


def compile_condition(text: str) -> Condition:
    """Raises ConfigError, which says where in the text it is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"the condition is longer than {MAX_CHARACTERS} characters.",
            mend="Put what it computes into the mapping.",
        )
    try:
        program = cel.compile(text)
    except Exception as error:  # noqa: BLE001 - the parser is foreign code and the text anybody's
        raise ConfigError(_syntax(str(error)), mend=_syntax_mend(text)) from None
    condition = Condition(text, program)
    for name in sorted(condition.variables):
        if name not in VARIABLES:
            known = ", ".join(f"`{each}`" for each in VARIABLES)
            raise ConfigError(
                f"a condition has no `{name}`.",
                mend=f"Fields of the record are `data.{name}`; beside `data` there is {known}.",
            )
    for function in sorted(str(name) for name in program.functions()):
        if function.isidentifier() and not function.startswith("_") and function not in FUNCTIONS:
            known = ", ".join(f"`{each}`" for each in sorted(FUNCTIONS))
            raise ConfigError(f"a condition has no function `{function}`.", mend=f"It has {known}.")
    if not condition.variables:
        # It says the same of every record, or nothing: one try tells which.
        try:
            condition.matches({})
        except ConditionError as error:
            raise ConfigError(error.message, mend=error.mend) from None
    return condition


def _syntax(message: str) -> str:
    found = re.search(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", message)
    if found is None:
        return "the condition is not CEL."
    what = re.sub(r" expecting \{.*", "", found[3])
    what = what.replace("'<EOF>'", "the end").replace("<EOF>", "the end")
    if "Recursion limit" in message:
        what = "it is nested too deep"
    return f"the condition is not CEL: character {found[2]}: {what[:120]}."


def _syntax_mend(text: str) -> str | None:
    if re.search(r"(?<![=!<>])=(?!=)", text):
        return "Equality is `==`."
    if re.search(r"\b(and|or|not)\b", text):
        return "CEL writes `&&`, `||` and `!`."
    return None


def _first_sentence(error: Exception) -> str:
    return re.split(r"(?<=\.) ", str(error), maxsplit=1)[0][:200]
