"""The batches of one model: what lies on disk, what runs, and the acts that move a job on without ever paying twice.

What belongs here: every change of a job's state. Contract: a batch is made only after `submitting` was noted; whoever finds
that note first looks for the batch at the endpoint, then takes its file away so that none can be made any more, and looks
again. Only then is it certain that there is none. Results are handed out from this machine, where they lie before the job
counts as fetched. UserError: an endpoint that cannot say which batches it has while that must be known; results that come
damaged again and again.
"""

from __future__ import annotations

import logging
import time

from resources.errors import UserError
from resources.generation.batch_client import Away, BatchClient, RemoteBatch, Uncertain
from resources.generation.batch_jobs import Job, Spool, load_jobs
from resources.generation.batch_results import Damaged, Line, line_at, read_index, write_index
from resources.generation.model import Model
from resources.generation.options import BatchOptions
from resources.home import Home

log = logging.getLogger(__name__)

_DAY = 86_400.0
_DOWNLOADS = 3
# Where a file cannot be taken away, a call that is still under way has so many seconds to arrive.
_GRACE = 10.0
_NAP = 0.1


class Ledger:
    """Jobs by what they hold. `load` may be called again: what this process knows already is not read twice."""

    def __init__(self, model: Model, options: BatchOptions, client: BatchClient) -> None:
        self._model, self._options, self._client = model, options, client
        self._root = Home.from_env().work / "batches" / model.key
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._fetched: dict[str, tuple[Job, int]] = {}
        self._unserved: dict[str, set[str]] = {}

    def load(self) -> None:
        """Takes in what earlier runs and other processes have left."""
        elsewhere = 0
        for job in load_jobs(self._root, keep_days=self._options.keep_days):
            name = job.record.job
            known = self._jobs.get(name)
            if known is not None and known.record.state != "submitting":
                continue
            job = known or job
            if job.record.base_url != self._client.url and job.record.state in ("submitting", "running"):
                elsewhere += job.record.requests
                continue
            if job.record.state == "submitting" and not self._adopt(job):
                continue
            self._jobs[name] = job
            self._note_keys(job)
        if elsewhere:
            log.warning(
                "model %s: %d requests are under way in batches at another address than %s; set base_url back to fetch them",
                self._model.key,
                elsewhere,
                self._client.url,
            )

    def new(self) -> Job:
        """A job to gather requests in."""
        return Job.create(self._root, model=self._model.key, base_url=self._client.url)

    def running(self, key: str) -> Job | None:
        """The running job that holds a request."""
        return self._running.get(key)

    def fetched(self, key: str) -> Line | None:
        """The line of a reply that lies on this machine."""
        found = self._fetched.get(key)
        return line_at(found[0].output, found[1]) if found else None

    def served(self, key: str) -> None:
        """Notes that a reply was handed out, and the job as delivered when it was the last."""
        found = self._fetched.get(key)
        if found is None:
            return
        job, name = found[0], found[0].record.job
        left = self._unserved[name]
        left.discard(key)
        if not left and job.record.state == "fetched":
            job.note("delivered")

    def submit(self, spool: Spool) -> Job:
        """Makes a batch of the gathered requests. UserError when the endpoint will have none of it: then there is none."""
        job = spool.seal()
        self._jobs[job.record.job] = job
        try:
            self._make_batch(job)
        finally:
            # Interrupted, it stays as it is: whoever comes next settles it.
            job.unlock()
        return job

    def _make_batch(self, job: Job) -> None:
        for _ in range(self._options.attempts):
            try:
                file_id = self._client.upload(job.input, f"{job.record.job}.jsonl")
                job.note("submitting", input_file_id=file_id)
                made = self._client.create(file_id, {"ot_job": job.record.job, "ot_model": self._model.key})
            except Uncertain as error:
                log.info("model %s: %s; looking whether the batch is there", self._model.key, error)
                if not self._is_there(job):
                    continue
            except UserError:
                self.forget(job)
                raise
            else:
                self._runs(job, made)
            self._note_keys(job)
            return
        self.forget(job)
        raise Away(
            f"model {self._model.key}: {self._client.url} makes no batch", fix="run again later: nothing was submitted"
        )

    def fetch(self, job: Job, remote: RemoteBatch) -> None:
        """Brings the results of a batch that has ended onto this machine."""
        for tried in range(1, _DOWNLOADS + 1):
            if remote.output_file_id:
                self._client.download(remote.output_file_id, job.output)
            if remote.error_file_id:
                self._client.download(remote.error_file_id, job.errors)
            try:
                write_index(job)
                break
            except Damaged as error:
                if tried == _DOWNLOADS:
                    raise UserError(
                        f"model {self._model.key}: the results of batch {remote.id} come damaged: {error}",
                        fix="run again later; nothing is submitted again until they can be read",
                    ) from None
        job.note(
            "fetched", status=remote.status, output_file_id=remote.output_file_id, error_file_id=remote.error_file_id
        )
        self._running = {key: other for key, other in self._running.items() if other is not job}
        self._note_keys(job)

    def forget(self, job: Job) -> None:
        """Removes a job of which there is no batch, or one that answered nothing."""
        self._jobs.pop(job.record.job, None)
        self._running = {key: other for key, other in self._running.items() if other is not job}
        job.remove()

    def _note_keys(self, job: Job) -> None:
        if job.record.state == "running":
            self._running.update((key, job) for key in job.request_keys() if key not in self._fetched)
        elif job.record.state in ("fetched", "delivered"):
            index = read_index(job)
            for key, offset in index.items():
                self._fetched[key] = (job, offset)
                self._running.pop(key, None)
            self._unserved[job.record.job] = set(index)

    def _runs(self, job: Job, remote: RemoteBatch) -> None:
        job.note("running", batch_id=remote.id, status=remote.status)
        job.input.unlink(missing_ok=True)

    def _adopt(self, job: Job) -> bool:
        """Settles a job that another process left, or this one when it was interrupted; whether there is a batch of it."""
        try:
            while not job.lock():
                time.sleep(_NAP)
        except FileNotFoundError:
            return False
        try:
            job.reread()
            if job.record.state != "submitting":
                return job.record.state != "spooling"
            if self._is_there(job):
                return True
            self.forget(job)
            return False
        finally:
            job.unlock()

    def _is_there(self, job: Job) -> bool:
        """Whether a batch was made of a job; when not, none can be made of its file any more."""
        file_id, since = str(job.record.input_file_id), job.record.created - _DAY
        try:
            found = self._client.find(job.record.job, file_id, since)
            if found is None:
                if not self._client.delete_file(file_id):
                    time.sleep(_GRACE)
                found = self._client.find(job.record.job, file_id, since)
        except Away:
            raise
        except UserError as error:
            raise UserError(
                f"model {self._model.key}: a batch may have been made of {job.folder}, and {self._client.url} does not say "
                f"which batches it has: {error.what}",
                fix="look there yourself; when no batch of it exists, remove that folder and run again",
            ) from None
        if found is None:
            return False
        self._runs(job, found)
        return True
