"""What `verifier_args` of a programming question says: its language, its tests, how outputs are compared, the limits.

Three kinds, told apart by `kind`:

* `function`: `{"kind": "function", "entry": "f", "tests": [{"args": [..], "kwargs": {..}, "expected": ..}]}`; `entry`
  may be `Class.method`. A test may say `"raises": "ValueError"` in place of `expected`. Values are JSON, and what
  JSON does not know as `resources.sandbox.inside.values` writes it (`{"$": "tuple", "v": [..]}`);
* `stdin`: `{"kind": "stdin", "tests": [{"stdin": "..", "stdout": ".."}]}`;
* `doctests`: `{"kind": "doctests", "function": "f", "examples": [{"source", "want", "raises", "options"}]}`, run as one
  session; `support` holds modules that examples and program may import.

All have `language` (default `python`), `compare` (`Comparison`) and `limits` (`resources.sandbox.SandboxLimits`).
ValueError, in words, for anything else.
"""

from __future__ import annotations

import doctest
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from resources.sandbox import SandboxLimits


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Strict):
    """How what came is compared with what was expected. The defaults are exact but for what cannot be seen."""

    whitespace: Literal["exact", "lines", "tokens"] = Field(
        default="lines",
        description="Of outputs: every character; all but spaces at the end of lines and of the whole; words only.",
    )
    float_tolerance: float | None = Field(
        default=None, ge=0, description="Numbers may differ by this, relative or absolute; absent = not at all."
    )
    ordered: bool = Field(
        default=True, description="Whether the order of the outermost list, or of the lines of an output, matters."
    )
    types: Literal["json", "exact"] = Field(
        default="json", description="json: a tuple equals a list, 2 equals 2.0 (never true); exact: types must agree."
    )


class FunctionTest(_Strict):
    """One call and what it must give."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    expected: Any = None
    raises: str | None = Field(default=None, description="Name of the exception that the call must raise.")


class StdinTest(_Strict):
    """One run of a whole program and what it must print."""

    stdin: str = ""
    stdout: str
    argv: tuple[str, ...] = ()


class Example(_Strict):
    """One example of a documentation, as the standard library's `doctest` reads it."""

    source: str
    want: str = ""
    raises: str | None = None
    options: tuple[str, ...] = ()

    @property
    def flags(self) -> int:
        """The options as `doctest` has them."""
        return sum(doctest.OPTIONFLAGS_BY_NAME[name] for name in self.options)

    @field_validator("options")
    @classmethod
    def _known(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in options if name not in doctest.OPTIONFLAGS_BY_NAME]
        if unknown:
            raise ValueError(f"doctest has no option {unknown[0]!r}")
        return options


class _Task(_Strict):
    language: str = Field(default="python", description="Language of the program.")
    compare: Comparison = Comparison()
    limits: SandboxLimits = SandboxLimits()


class FunctionTask(_Task):
    """A function is called."""

    kind: Literal["function"]
    entry: str = Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)?$")
    tests: tuple[FunctionTest, ...] = Field(min_length=1)

    @property
    def count(self) -> int:
        """How many tests there are."""
        return len(self.tests)


class StdinTask(_Task):
    """A whole program is run."""

    kind: Literal["stdin"]
    tests: tuple[StdinTest, ...] = Field(min_length=1)

    @property
    def count(self) -> int:
        """How many tests there are."""
        return len(self.tests)


class DoctestTask(_Task):
    """Examples of a documentation are run."""

    kind: Literal["doctests"]
    function: str = Field(pattern=r"^[^\W\d]\w*$")
    examples: tuple[Example, ...] = Field(min_length=1)
    module: str = ""
    support: Mapping[str, str] = {}
    package: str | None = Field(default=None, description="Where the examples come from.")
    version: str | None = Field(default=None, description="Of that package.")
    shown: int | None = Field(default=None, description="How many examples the question gives away.")

    @field_validator("examples")
    @classmethod
    def _tell(cls, examples: tuple[Example, ...]) -> tuple[Example, ...]:
        if not any(example.want or example.raises for example in examples):
            raise ValueError("none of them has a result")
        return examples

    @property
    def count(self) -> int:
        """How many tests there are."""
        return len(self.examples)


CodeTask = FunctionTask | StdinTask | DoctestTask

_READER: TypeAdapter[CodeTask] = TypeAdapter(Annotated[CodeTask, Field(discriminator="kind")])


def read_task(verifier_args: str | None) -> CodeTask:
    """The tests that `verifier_args` holds. ValueError, on one line, where it holds none that can be run."""
    if not verifier_args:
        raise ValueError("verifier_args holds no tests")
    return _read(verifier_args)


@lru_cache(maxsize=256)
def _read(verifier_args: str) -> CodeTask:
    try:
        data = json.loads(verifier_args)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"verifier_args is no JSON: {error}") from None
    try:
        return _READER.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"verifier_args{f': {where}' if where else ''}: {first['msg']}") from None
