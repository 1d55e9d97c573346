"""What this distribution offers to ferbench."""

from __future__ import annotations

from ferbench import MethodEntry, hookimpl
from ferbench_scn.options import SCNOptions


@hookimpl
def ferbench_methods() -> list[MethodEntry]:
    """Return SCN."""
    return [
        MethodEntry(
            name="scn",
            factory="ferbench_scn.method:SCN",
            config=SCNOptions,
            summary="Self-cure network: importance weights with rank regularisation, relabelling of uncertain samples",
            citation="Wang et al.: Suppressing Uncertainties for Large-Scale Facial Expression Recognition, CVPR 2020",
            rehearsal={"backbone": "resnet-tiny", "epochs": 6, "batch_size": 18, "lr": 1e-2, "augment": "none"},
        )
    ]
