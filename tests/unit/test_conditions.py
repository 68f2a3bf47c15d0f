"""Conditions: what is compiled, what is refused and why, what an answer is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conditions import FUNCTIONS, VARIABLES, ConditionError, compile_condition
from gateway.errors import ConfigError, Refusal

RECORD = {
    "data": {"country": "DE", "lines": [{"amount": 6}], "name": "Ann", "open": True},
    "key": "1",
    "source": "erp",
    "operation": "upsert",
    "hops": 0,
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("data.country == 'DE'", True),
        ("data.country in ['FR', 'PT']", False),
        ("data.lines.exists(line, line.amount > 5)", True),
        ("has(data.email) && data.email.endsWith('.de')", False),
        ("operation == 'upsert' && key != '2'", True),
        ("data.open", True),
        ("size(data.name) == 3 || false", True),
        ("type(data.name) == string", True),
        ("true", True),
    ],
)
def test_a_condition_answers(text: str, answer: bool):
    assert compile_condition(text).matches(RECORD) is answer


def test_a_condition_says_what_it_needs():
    assert compile_condition("source == 'erp'").variables == {"source"}
    assert compile_condition("data.lines.all(x, x.a > key)").variables == {"data", "key"}


@pytest.mark.parametrize(
    ("text", "cause", "mend"),
    [
        ("data.country = 'DE'", "character 14", "`==`"),
        ("data.a and data.b", "not CEL", "`&&`"),
        ("data.a ==", "character 10: mismatched input the end", ""),
        ("", "not CEL", ""),
        ("(" * 500 + "true" + ")" * 500, "nested too deep", ""),
        ("country == 'DE'", "no `country`", "`data.country`"),
        ("now() > 1", "no function `now`", "`timestamp`"),
        ("1", "answers int", "comparison"),
        ("'a' * 2 == 3", "cannot be answered", ""),
        ("data.x == '" + "x" * 5_000 + "'", "longer than 4096", "mapping"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_read(text: str, cause: str, mend: str):
    with pytest.raises(ConfigError) as caught:
        compile_condition(text)
    assert cause in caught.value.message
    assert mend in (caught.value.mend or "")
    assert len(str(caught.value)) < 1_500


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("data.email == 'x'", "email"),
        ("data.country > 5", "cannot be answered"),
        ("data.name", "answers str"),
        ("data.lines[3].amount > 1", "cannot be answered"),
    ],
)
def test_a_record_it_cannot_be_answered_for_is_a_refusal(text: str, cause: str):
    with pytest.raises(ConditionError) as caught:
        compile_condition(text).matches(RECORD)
    assert cause in caught.value.message
    assert isinstance(caught.value, Refusal)


def test_a_delete_has_no_data():
    assert compile_condition("operation == 'delete' || data.open").matches(
        {"data": None, "operation": "delete"}
    )


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_config_error(text: str):
    try:
        condition = compile_condition(text)
    except ConfigError:
        return
    assert condition.variables <= set(VARIABLES)


@given(
    st.lists(
        st.sampled_from(
            [*VARIABLES, *FUNCTIONS, ".x", "==", "&&", "!", "(", ")", "[0]", "1", "'a'"]
        ),
        max_size=8,
    )
)
def test_any_words_are_answered_or_refused(words: list[str]):
    try:
        condition = compile_condition(" ".join(words))
        assert condition.matches(RECORD) in (True, False)
    except (ConfigError, ConditionError):
        pass
