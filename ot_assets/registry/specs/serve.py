"""``ServeSpec``: how the server of a model is started, as a YAML says it under ``serve``.

The fields are those of ``resources.serving.options.ServeOptions``, so that the two can never differ. What changes answers
there (``answering``) is part of the model's identity; sizes, memory and waiting times are not. Fails with pydantic's
``ValidationError``.
"""

from __future__ import annotations

from ot_assets.registry.specs.base import Spec
from resources.serving.options import ServeOptions


class ServeSpec(Spec, ServeOptions):
    """How the server of a model is started, how big it may be, and what to do when it dies."""
