"""Typed specs of the registry: one noun a file. Import them from ``ot_assets.registry``."""
