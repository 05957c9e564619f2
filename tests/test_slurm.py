"""The Slurm of the tests is a real one, and no test leaves a job to the next."""

import pytest
from processes import is_alive, wait_for

pytestmark = pytest.mark.needs("slurm")

SILENT = ("-o", "/dev/null")


def test_tasks_run_side_by_side_and_a_job_that_is_requeued_runs_again(slurm, tmp_path):
    meet = f"touch {tmp_path}/$SLURM_ARRAY_TASK_ID; " + " ".join(
        f"until test -e {tmp_path}/{task}; do sleep 0.1; done;" for task in (0, 1)
    )
    tasks = slurm.submit("--array=0-2%2", *SILENT, "--wrap", meet)
    lives = tmp_path / "lives"
    script = f"echo >> {lives}; srun sleep 300"
    job = slurm.submit("--requeue", *SILENT, "--wrap", script)
    wait_for(lives.exists)
    slurm.run("scontrol", "requeue", job)
    wait_for(lambda: lives.read_text() == "\n\n")
    slurm.wait(job, "RUNNING")
    slurm.wait(tasks, "COMPLETED")
    assert slurm.states(tasks).keys() == {f"{tasks}_{x}" for x in range(3)}
    slurm.clear()
    assert slurm.states(job) == {job: "CANCELLED"}


def test_it_can_be_gone_and_comes_back_without_jobs(slurm, tmp_path):
    process = tmp_path / "process"
    script = f"echo $$ > {process}; exec sleep 300"
    job = slurm.submit(*SILENT, "--wrap", script)
    wait_for(lambda: process.exists() and process.read_text())
    slurm.stop_controller()
    with pytest.raises(AssertionError, match="Unable to contact slurm controller"):
        slurm.run("squeue")
    slurm.start_controller()
    assert slurm.run("squeue", "-h") == ""
    with pytest.raises(AssertionError, match="Invalid job id"):
        slurm.states(job)
    wait_for(lambda: not is_alive(int(process.read_text())))
