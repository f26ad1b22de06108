"""``Growing``: a spec that gets new fields over the years without a new identity for what was written before.

Belongs here: the one rule for it. Contract: a field named in ``later`` is left out of ``to_dict`` (and so out of slices,
hashes and manifests) while it has its default; once it says something it stands there like any other. Raises nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SerializerFunctionWrapHandler, model_serializer

from ot_assets.registry.specs.base import Spec


class Growing(Spec):
    """A spec whose fields in ``later`` came after specs of it were hashed."""

    later: ClassVar[frozenset[str]] = frozenset()
    """Names of fields that leave the dictionary while they have their default."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        for name in type(self).later:
            if name in data and getattr(self, name) == fields[name].get_default(call_default_factory=True):
                del data[name]
        return data
