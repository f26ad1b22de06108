"""Whether an endpoint answers: one GET of its list of models. Sends the key in its header and says it nowhere."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from resources.doctor.finding import Finding, State
from resources.generation.addresses import base_of, is_http_address

_SECONDS = 10.0
_MOST = 10_000_000


def endpoint(name: str, url: str, model: str, secret: str | None) -> Finding:
    """What an endpoint says of the model that it is to serve."""
    if not is_http_address(url):
        return Finding("endpoints", name, "fault", f"{url!r} is no http address", "correct base_url")
    where = f"{base_of(url)}/models"
    request = urllib.request.Request(where, headers={"Authorization": f"Bearer {secret}"} if secret else {})
    try:
        with _opener(where).open(request, timeout=_SECONDS) as answer:
            return _served(name, where, model, answer.read(_MOST))
    except urllib.error.HTTPError as error:
        state: State = "warning" if error.code in (404, 405, 429) or error.code >= 500 else "fault"
        fix = "set the right API key" if error.code in (401, 403) else "it may still answer chat completions"
        return Finding("endpoints", name, state, f"{where}: HTTP {error.code}", fix)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding("endpoints", name, "fault", f"{where}: {reason}", "see that it runs and base_url is right")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody: the key is for this address alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(where: str) -> urllib.request.OpenerDirector:
    # A proxy from the environment is for the world outside, not for a server on this machine.
    local = urlsplit(where).hostname in ("127.0.0.1", "localhost", "::1")
    return urllib.request.build_opener(_Stay, *([urllib.request.ProxyHandler({})] if local else []))


def _served(name: str, where: str, model: str, body: bytes) -> Finding:
    try:
        served = [str(one["id"]) for one in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        return Finding("endpoints", name, "warning", f"{where} answers, but with no list of models", "check base_url")
    if model in served:
        return Finding("endpoints", name, "ok", f"{where} serves {model}")
    shown = ", ".join(served[:5]) or "nothing"
    return Finding("endpoints", name, "warning", f"{where} does not list {model}; it lists {shown}", "check `model`")
