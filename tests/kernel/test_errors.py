"""Errors are sentences with named values, kept apart so that they can be translated."""

from __future__ import annotations

import pytest

from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError, NotFoundError


def test_the_sentence_is_filled_in_and_its_template_kept() -> None:
    error = DomainError("The minimum order is {moq}: {more} more needed.", field="quantity", moq=10, more=1)
    assert str(error) == "The minimum order is 10: 1 more needed."
    assert error.message == "The minimum order is {moq}: {more} more needed."
    assert (error.field, error.values) == ("quantity", {"moq": 10, "more": 1})


def test_a_sentence_whose_value_is_missing_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        DomainError("The minimum order is {moq}.")


def test_a_value_is_never_read_as_a_template() -> None:
    assert str(DomainError("{name} cannot be ordered.", name="{secret} {0}")) == "{secret} {0} cannot be ordered."


def test_not_there_says_nothing_about_whose_it_is() -> None:
    assert str(NotFoundError()) == "We could not find that page."
    assert NotFoundError().field is None


def test_forbidden_may_name_the_step_that_helps() -> None:
    assert ForbiddenError("Not yet.", next_step="verification.status").next_step == "verification.status"
    assert ForbiddenError("Never.").next_step is None


@pytest.mark.parametrize("kind", [ConflictError, DomainError, ForbiddenError, NotFoundError])
def test_all_are_caught_as_one_family(kind) -> None:
    with pytest.raises(HouseError):
        raise kind("No.")
