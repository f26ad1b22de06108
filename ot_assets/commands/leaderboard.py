"""`ot leaderboard`: the current leaderboard, from its artifact."""

from __future__ import annotations

from ot_assets.commands.output import console, print_json
from ot_assets.evaluation.leaderboard import Leaderboard
from ot_assets.evaluation.leaderboard_view import render
from resources.artifacts import ArtifactStore, Partition
from resources.errors import UserError
from resources.home import Home


def run(*, held_out: bool, as_json: bool) -> None:
    """Shows scores and comparisons."""
    artifact = ArtifactStore(Home.from_env().artifacts).current("leaderboard", Partition())
    if artifact is None:
        raise UserError("there is no leaderboard yet", fix="make one: ot run demo")
    board = Leaderboard.from_frames(artifact.read(), artifact.read("comparisons"))
    if as_json:
        print_json(board.to_json(include_held_out=held_out))
    else:
        console.print(render(board, include_held_out=held_out))
