"""How each kind of program is run: as a script with its input, as a function that is called, as a doctest session.

Results go out as JSON lines on a descriptor, each as soon as it is there, so that an end in the middle keeps what
came before: `{"loaded": true}` once the program's own lines have run, then `{"value": ...}` (see `values`) or
`{"error": ..., "message": ...}` for a function, `{"printed": ..., "error": ..., "message": ...}` for each example.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from resources.sandbox.inside import values

_LONGEST = 500
_write, _exit, _dumps = os.write, os._exit, json.dumps


def run(program: dict[str, Any], result: int) -> NoReturn:
    """Runs a program by its `kind` and ends the process."""
    if program["kind"] == "script":
        _script(program, result)
    try:
        if program["kind"] == "function":
            _function(program, result)
        else:
            _doctests(program, result)
    except BaseException as error:
        _tell(result, _fault(error))
        _exit(1)
    _exit(0)


def _script(program: dict[str, Any], result: int) -> NoReturn:
    """As `python program.py` would: the exit status is the program's own."""
    os.close(result)
    sys.argv[:] = ["program.py", *program.get("argv", [])]
    code = 0
    try:
        _load(program["source"], "__main__")
    except SystemExit as asked:
        code = _status(asked.code)
    except BaseException as error:
        code = 1
        traceback.print_exception(type(error), error, error.__traceback__)
    _end(code)


def _function(program: dict[str, Any], result: int) -> None:
    """Loads the program and calls its entry point once."""
    namespace = _load(program["source"], "program")
    entry = _entry(namespace, program["entry"])
    arguments, named = values.decode(program["args"]), values.decode(program["kwargs"])
    _tell(result, {"loaded": True})
    value = entry(*arguments, **named)
    if isinstance(value, types.CoroutineType):
        import asyncio

        value = asyncio.run(value)
    _tell(result, {"value": values.encode(value)})


def _doctests(program: dict[str, Any], result: int) -> None:
    """Loads the program and what its examples need, then runs the examples in one session, in order."""
    for name, source in program["support"].items():
        _module(name, source)
    namespace = _load(program["source"], "program")
    entry = _entry(namespace, program["function"])
    home = sys.modules.get(program["module"])
    for name in program["support"]:  # what else they hold, and the examples, then find the tested function there
        setattr(sys.modules[name], program["function"], entry)
    _tell(result, {"loaded": True})
    session = {**(vars(home) if home else {}), **namespace, "__name__": "__main__"}
    for source in program["examples"]:
        _tell(result, _example(source, session))


def _example(source: str, session: dict[str, Any]) -> dict[str, Any]:
    """Runs one example as the interactive interpreter would."""
    import io

    own, sys.stdout = sys.stdout, io.StringIO()
    sys.displayhook = sys.__displayhook__
    said: dict[str, Any] = {}
    try:
        exec(compile(source, "<example>", "single", dont_inherit=True), session)
    except BaseException as error:
        said = _fault(error)
    printed, sys.stdout = sys.stdout.getvalue(), own
    return {"printed": printed, **said}


def _load(source: str, name: str) -> dict[str, Any]:
    """Runs a program's own lines as a module of that name."""
    module = types.ModuleType(name)
    vars(module)["__builtins__"] = __builtins__
    sys.modules[name] = module
    exec(compile(source, "program.py", "exec", dont_inherit=True), vars(module))
    return vars(module)


def _module(name: str, source: str) -> None:
    """Makes a module that the program may import, and the packages above it; adds to one that is there."""
    above, _, last = name.rpartition(".")
    if above:
        _module(above, "")
    module = sys.modules.setdefault(name, types.ModuleType(name))
    vars(module)["__path__"] = []
    if above:
        setattr(sys.modules[above], last, module)
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), vars(module))


def _entry(namespace: dict[str, Any], entry: str) -> Callable[..., Any]:
    """A function by name, or a method of a class made without arguments (`Solution.add`)."""
    owner, _, name = entry.rpartition(".")
    if not owner:
        found: Callable[..., Any] | None = namespace.get(name)
        if not callable(found):
            raise NameError(f"the program defines no function {name!r}")
        return found
    if owner not in namespace:
        raise NameError(f"the program defines no class {owner!r}")
    method: Callable[..., Any] = getattr(namespace[owner](), name)
    return method


def _fault(error: BaseException) -> dict[str, Any]:
    """An exception in words; it may be one whose own words raise."""
    try:
        message = traceback.format_exception_only(type(error), error)[-1]
    except BaseException:
        message = type(error).__name__
    return {"error": type(error).__name__, "message": message[-_LONGEST:]}


def _tell(result: int, said: dict[str, Any]) -> None:
    data = _dumps(said).encode() + b"\n"
    while data:
        data = data[_write(result, data) :]


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _end(code: int) -> NoReturn:
    """Ends as the interpreter does: threads first, then what was to be done at exit, then the streams."""
    import atexit
    import threading

    for last in (threading._shutdown, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):  # type: ignore[attr-defined]
        try:
            last()
        except BaseException as error:
            code = code or 1
            traceback.print_exception(type(error), error, error.__traceback__)
    _exit(code)
