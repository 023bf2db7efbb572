"""Deploying as often as one likes: afterwards the server has what `deployments.definitions` says, once, and no more of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.sorting import DeploymentSort

from deployments.definitions import TAG, deployments

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment


def apply(pool: str | None = None) -> dict[str, UUID]:
    """Deploy everything to a work pool, or (None) for the runner of one machine. Returns full name → id."""
    wanted = deployments(pool)
    with get_client(sync_client=True) as client:
        remove_others(client, wanted)
        if pool is not None:
            ensure_pool(client, pool)
    return {deployment.full_name: deployment.apply() for deployment in wanted}


def remove_others(client: SyncPrefectClient, wanted: list[RunnerDeployment]) -> list[str]:
    """Remove what carries our tag and is not wanted (any more), with its automations. Returns their full names.

    A deployment that moves between a work pool and the runner of one machine is made anew: an update keeps the pool.
    """
    pools = {deployment.full_name: deployment.work_pool_name for deployment in wanted}
    removed = []
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for found in client.read_deployments(deployment_filter=ours, sort=DeploymentSort.NAME_ASC, limit=200):
        name = f"{client.read_flow(found.flow_id).name}/{found.name}"
        if name not in pools or found.work_pool_name != pools[name]:
            _remove(client, found)
            removed.append(name)
    return removed


def _remove(client: SyncPrefectClient, found: DeploymentResponse) -> None:
    client.delete_resource_owned_automations(f"prefect.deployment.{found.id}")
    client.delete_deployment(found.id)


def ensure_pool(client: SyncPrefectClient, name: str) -> None:
    """Make a work pool of the kind that starts processes, unless there is one of this name (of whatever kind)."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
