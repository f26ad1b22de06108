"""Rows of a data set of the Hugging Face Hub, streamed with `datasets`; code of a data set is never run.

The revision is resolved to a commit first and the rows are read at that commit, which is handed on as the fact
`revision`. A folder `<mirror>/<owner>/<name>` in hub shape (parquet, jsonl or csv files as they lie in the
repository) is read instead of the hub, where it exists.

Fails with UserError: no connection, no such data set, revision, subset or split, a gated data set, a column that is
not there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ot_assets.registry.specs.origin import HubOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.columns import asked_columns, require
from ot_assets.sourcing.rows import RawRow, SourcingContext
from resources.errors import UserError

_SECONDS = 30.0


def read(spec: QuestionSet, origin: HubOrigin, context: SourcingContext) -> tuple[Iterator[RawRow], dict[str, str]]:
    """All rows of the split, and the commit that they are read at (or that a mirror was read)."""
    mirrored = context.hub_mirror / origin.dataset if context.hub_mirror else None
    if mirrored is not None and mirrored.is_dir():
        context.log(f"{spec.key}: reading {origin.dataset} from the mirror")
        return _rows(spec, origin, str(mirrored.resolve()), None), {"mirror": origin.dataset}
    if Path(origin.dataset).is_dir():
        raise UserError(
            f"{spec.key}: a folder {origin.dataset!r} in the current folder hides the hub's data set of that name",
            fix="start from another folder, or set OT_HUB_MIRROR to the folder that holds it",
        )
    revision = _commit(spec, origin)
    context.log(f"{spec.key}: streaming {origin.dataset} at {revision[:12]}")
    return _rows(spec, origin, origin.dataset, revision), {"revision": revision}


def _rows(spec: QuestionSet, origin: HubOrigin, path: str, revision: str | None) -> Iterator[RawRow]:
    stream = _opened(spec, origin, path, revision)
    if stream.column_names is not None:
        require(spec, stream.column_names, f"the data set {origin.dataset}")
        stream = stream.select_columns([name for name in stream.column_names if name in asked_columns(spec)])
    file = f"{origin.subset}/{origin.split}" if origin.subset else origin.split
    index = 0
    try:
        for values in stream:
            yield RawRow(file, index, values)
            index += 1
    except Exception as error:  # the kinds differ by format and by what breaks: a connection, a damaged file, a cast
        raise _explained(spec, origin, error, f"row {index:,}: ") from error


def _opened(spec: QuestionSet, origin: HubOrigin, path: str, revision: str | None) -> Any:
    """The split as a stream. UserError where it is not there."""
    import datasets

    data_files = list(origin.data_files) if origin.data_files else None
    try:
        return datasets.load_dataset(
            path, name=origin.subset, split=origin.split, revision=revision, data_files=data_files, streaming=True
        )
    except Exception as error:
        raise _explained(spec, origin, error) from error


def _commit(spec: QuestionSet, origin: HubOrigin) -> str:
    """The commit that the revision stands for now."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        raise UserError(
            f"{spec.key}: {origin.dataset} is needed from the hub, but HF_HUB_OFFLINE is set",
            fix="unset it, or put a copy into the folder that OT_HUB_MIRROR names",
        )
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(origin.dataset, revision=origin.revision, timeout=_SECONDS).sha)
    except Exception as error:
        raise _explained(spec, origin, error) from error


def _explained(spec: QuestionSet, origin: HubOrigin, error: BaseException, where: str = "") -> UserError:
    """An error of the hub's libraries in our words, with what to do."""
    if isinstance(error, UserError):
        return error
    chain = _chain(error)
    kinds, said = {type(e).__name__ for e in chain}, " ".join(str(e) for e in chain)
    what, file = f"{spec.key}: {origin.dataset}: {where}", f"{spec.key}.yaml"
    if "GatedRepoError" in kinds or "is a gated dataset" in said:
        address = f"https://huggingface.co/datasets/{origin.dataset}"
        return UserError(f"{what}it is gated", fix=f"accept its terms at {address}, then set HF_TOKEN and run again")
    if "RevisionNotFoundError" in kinds:
        return UserError(f"{what}there is no revision {origin.revision!r}", fix=f"correct origin.revision in {file}")
    if kinds & {"RepositoryNotFoundError", "DatasetNotFoundError"} or "401" in said:
        return UserError(
            f"{what}no such data set on the hub, or it is private",
            fix=f"correct origin.dataset in {file}, or set HF_TOKEN",
        )
    if available := re.search(r"(?:Bad split|BuilderConfig|Unknown split|Config name is missing)[\s\S]*", said):
        return UserError(f"{what}{_short(available[0])}", fix=f"correct origin.subset and origin.split in {file}")
    if _is_offline(kinds, said):
        return UserError(
            f"{what}the hub cannot be reached ({_short(said, 120)})",
            fix="check the connection and run again, or put a copy into the folder that OT_HUB_MIRROR names",
        )
    if "FileNotFoundError" in kinds or "EmptyDatasetError" in kinds or "DataFilesNotFoundError" in kinds:
        return UserError(f"{what}no such files ({_without_paths(said)})", fix=f"correct origin.data_files in {file}")
    if "scripts are no longer supported" in said:
        return UserError(f"{what}it is made by code of its own, which is not run", fix="name a converted copy of it")
    return UserError(
        f"{what}{type(error).__name__}: {_short(said)}", fix="run again; if it stays, choose another revision"
    )


def _is_offline(kinds: set[str], said: str) -> bool:
    return bool(
        kinds & {"ConnectError", "ConnectionError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError"}
        or kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "MaxRetryError", "TimeoutError", "ProxyError"}
        or re.search(r"\b50[0234]\b|name resolution|Connection refused", said)
    )


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what caused it, at most five deep."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 5:
        chain.append(cause)
    return chain


def _short(text: str, length: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _without_paths(text: str) -> str:
    """The text with only the last part of each path: folders of this machine tell nobody anything."""
    return _short(re.sub(r"(?:/[^\s/'\"]+)+/([^\s/'\"]+)", r"\1", text), 160)
