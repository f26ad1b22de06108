"""What assets are handed: artifact store, response store, generation engines, trainer. Imports `schemas`, never `ot_assets`."""
