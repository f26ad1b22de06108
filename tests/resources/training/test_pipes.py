"""The form that runs inside a Dagster asset."""

import dagster as dg
import pytest

from resources.training import Trainer, trainer


def run_as_asset(config):
    """Materializes an asset that trains; hands back what it returned or raised, the lines of its log, and those that
    were told live.
    """
    out, told = [], []

    @dg.asset
    def student(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        try:
            out.append(Trainer().train(config, context=context, log=told.append))
        except trainer.TrainingFailed as error:
            out.append(error)
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        ran = dg.materialize([student], instance=instance)
        log = [entry.user_message for entry in instance.all_logs(ran.run_id)]
    return out[0], log, told


def test_a_training_that_ends_badly_is_told_inside_a_run_too(make_config, monkeypatch):
    monkeypatch.setattr(trainer, "MODULE", "tests.resources.training.stand_in")
    came, _, _ = run_as_asset(make_config(max_steps=1))
    assert isinstance(came, trainer.TrainingFailed)
    assert "exit status 7" in came.what


@pytest.mark.slow
def test_progress_stands_in_the_log_of_the_run(make_config):
    came, log, told = run_as_asset(make_config())
    assert came.steps == 6
    assert any("step 6 of 6" in line for line in log)
    assert told == [line for line in log if line in told]
    assert any("step 6 of 6" in line for line in told)
