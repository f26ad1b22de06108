"""Training of students as a subprocess: `Trainer.train(SftConfig)` gives a `TrainingResult`. Loads no torch."""

from resources.training.checkpoints import Checkpoints
from resources.training.config import SftConfig
from resources.training.result import TrainingResult
from resources.training.trainer import Trainer, TrainingFailed, discard_checkpoints

__all__ = ["Checkpoints", "SftConfig", "Trainer", "TrainingFailed", "TrainingResult", "discard_checkpoints"]
