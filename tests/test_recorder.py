"""What a run records, and how it is read again: metrics, pictures, events."""

import io
import json
import os
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from PIL import Image
from processes import PATIENCE, wait_for
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganjax.record import files
from ganjax.record.recorder import Recorder
from ganjax.record.records import read_newest, read_records, series


def child(script, *arguments):
    return [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]


def events_of(workdir):
    events = EventAccumulator(str(workdir / "events"))
    events.Reload()
    return events


def curve(workdir, name):
    return [(event.step, event.value) for event in events_of(workdir).Scalars(name)]


def record_steps(workdir, steps, *, start=0):
    with closing(Recorder(workdir, step=start)) as recorder:
        for step in steps:
            recorder.scalars(step, step / 10, {"loss": step / 4})
            recorder.image(step, "sample", np.full((4, 4, 3), step % 256, np.uint8))


def test_full_disk_leaves_whole_lines_and_no_half_image(tmp_path):
    # A limit on the size of a file cuts a write short, as a full disk does.
    script = """if True:
        import resource, sys
        import numpy as np
        from ganjax.record.recorder import Recorder
        recorder = Recorder(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        for failing in (
            lambda step: recorder.scalars(step, 1.0, {"loss": 0.123456789}),
            lambda step: recorder.image(step, "sample", noise),
        ):
            try:
                for step in range(1000):
                    failing(step)
                raise AssertionError("the disk was never full")
            except OSError as error:
                print(type(error).__name__, step)
    """
    done = subprocess.run(
        child(script, tmp_path), capture_output=True, text=True, check=False
    )
    scalars, image = done.stdout.splitlines()
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    assert scalars == f"OSError {len(lines)}"
    assert [json.loads(line)["step"] for line in lines] == list(range(len(lines)))
    assert lines[-1].endswith(b"\n")
    assert image == "OSError 0"
    assert list((tmp_path / "samples").iterdir()) == []


def test_kill_tears_at_most_the_last_line(tmp_path):
    script = """if True:
        import itertools, sys
        from ganjax.record.recorder import Recorder
        from ganjax.record.status import write_status
        recorder = Recorder(sys.argv[1])
        for step in itertools.count(1):
            recorder.scalars(step, step / 10, {"loss": 1 / step})
            if step % 10 == 0:
                write_status(
                    sys.argv[1], state="running", step=step, steps=10**9,
                    message="x" * 100_000,
                )
    """
    writer = subprocess.Popen(child(script, tmp_path))
    metrics = tmp_path / "metrics.jsonl"
    wait_for(lambda: metrics.exists() and metrics.stat().st_size > 50_000, writer)
    writer.kill()
    writer.wait(PATIENCE)

    status = files.read_json(tmp_path / "status.json")
    assert (status["step"] % 10, len(status["message"])) == (0, 100_000)
    *lines, last = (tmp_path / "metrics.jsonl").read_bytes().split(b"\n")
    assert [json.loads(line)["step"] for line in lines] == [*range(1, len(lines) + 1)]
    assert len(lines) >= status["step"]
    assert len(last) < 100
    steps, values = series(read_records(tmp_path)[0])["loss"]
    np.testing.assert_array_equal(steps, np.arange(1, len(lines) + 1))
    np.testing.assert_array_equal(values, 1 / steps)
    with closing(Recorder(tmp_path, step=7)) as recorder:
        recorder.scalars(8, 0.8, {"loss": 5.0})
    assert [step for step, _ in curve(tmp_path, "loss")] == [*range(1, 9)]


def test_a_record_is_one_line_of_strict_json(tmp_path):
    with closing(Recorder(tmp_path)) as recorder:
        assert recorder.seconds == 0.0
        values = {"d/loss": np.float32(0.5), "g/loss": np.nan, "x": np.inf, "n": 3}
        recorder.scalars(100, 1.50004, values)
        text = (tmp_path / "metrics.jsonl").read_text()  # there before close()
    assert text == (
        '{"step": 100, "seconds": 1.5, "d/loss": 0.5, "g/loss": null, "x": null, '
        '"n": 3.0}\n'
    )


def test_tensorboard_shows_what_the_file_holds_and_what_it_cannot(tmp_path):
    with closing(Recorder(tmp_path)) as recorder:
        recorder.scalars(1, 0.1, {"d/loss": 0.25, "g/loss": float("nan")})
        recorder.scalars(2, 0.2, {"d/loss": 0.5, "g/loss": float("inf")})
    assert curve(tmp_path, "d/loss") == [(1, 0.25), (2, 0.5)]
    (_, first), second = curve(tmp_path, "g/loss")
    assert np.isnan(first)
    assert second == (2, np.inf)


def test_tensorboard_can_be_watched_while_the_run_goes_on(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with closing(Recorder(tmp_path)) as recorder:
        now[0] = 3.0
        recorder.scalars(1, 0.1, {"loss": 1.0})
        assert events_of(tmp_path).Tags()["scalars"] == []
        now[0] = 6.0
        recorder.scalars(2, 0.1, {"loss": 2.0})
        assert curve(tmp_path, "loss") == [(1, 1.0), (2, 2.0)]


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7, 1), (5, 7)])
def test_an_image_is_a_file_and_a_tensorboard_image(tmp_path, shape):
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    with closing(Recorder(tmp_path)) as recorder:
        recorder.image(30, "interpolation", pixels)
        (shown,) = events_of(tmp_path).Images("interpolation")
    png = (tmp_path / "samples" / "interpolation_00000030.png").read_bytes()
    assert (shown.step, shown.encoded_image_string) == (30, png)
    assert (shown.height, shown.width) == (5, 7)
    np.testing.assert_array_equal(Image.open(io.BytesIO(png)), pixels.squeeze())


def test_an_image_whose_name_is_a_path_is_refused(tmp_path):
    with (
        closing(Recorder(tmp_path)) as recorder,
        pytest.raises(ValueError, match=r"'\.\./sample'"),
    ):
        recorder.image(1, "../sample", np.zeros((2, 2, 3), np.uint8))


def test_resume_keeps_the_past_byte_for_byte_and_drops_the_future(tmp_path):
    past = (
        b'{"step":1,"seconds":0.25,"loss":0.1000000000000000055}\n'
        b'{"loss": null, "step": 2, "seconds": 0.75}\n'
    )
    future = b'{"step": 3, "seconds": 9.0, "loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_bytes(past + future + b'{"step": 4, "sec')
    samples = tmp_path / "samples"
    samples.mkdir()
    for name in (
        "sample_00000002.png",
        "sample_00000003.png",
        "more_123456789.png",
        "final.npz",
        "notes.png",
    ):
        (samples / name).touch()
    with closing(Recorder(tmp_path, step=2)) as recorder:
        assert recorder.seconds == 0.75
        assert (tmp_path / "metrics.jsonl").read_bytes() == past
        recorder.scalars(3, 1.0, {"loss": 2.0})
    text = (tmp_path / "metrics.jsonl").read_bytes()
    assert text == past + b'{"step": 3, "seconds": 1.0, "loss": 2.0}\n'
    assert sorted(os.listdir(samples)) == [
        "final.npz",
        "notes.png",
        "sample_00000002.png",
    ]


@pytest.mark.parametrize(
    "torn", [b'{"step": 2, "se', b'{"step": 2, "seconds": 1.0}', b"\0\0\0", b"7"]
)
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    whole = b'{"step": 1, "seconds": 0.5, "loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_bytes(whole + torn)
    assert [*series(read_records(tmp_path)[0])["seconds"][0]] == [1]
    with closing(Recorder(tmp_path, step=9)) as recorder:
        assert recorder.seconds == 0.5
    assert (tmp_path / "metrics.jsonl").read_bytes() == whole


def test_newest_records_are_those_within_the_last_bytes(tmp_path):
    lines = [f'{{"step": {step}, "loss": {step / 2}}}\n' for step in range(10, 100)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines) + '{"step": 100, "lo')
    assert len(lines[-1]) == 27
    torn = 17
    # Two lines and part of a third, then two and nothing of it.
    for size in (2 * 27 + torn + 26, 2 * 27 + torn + 1):
        found = read_newest(tmp_path, size=size)
        assert found == [{"step": 98, "loss": 49.0}, {"step": 99, "loss": 49.5}]
    steps = [r["step"] for r in read_newest(tmp_path)]
    assert steps == list(range(10, 100))
    assert read_newest(tmp_path / "nowhere") == []


def test_tensorboard_curves_do_not_zigzag_after_a_resume(tmp_path):
    record_steps(tmp_path, [100, 200, 300])
    record_steps(tmp_path, [250], start=200)
    assert curve(tmp_path, "loss") == [(100, 25.0), (200, 50.0), (250, 62.5)]
    images = events_of(tmp_path).Images("sample")
    assert [image.step for image in images] == [100, 200, 250]
    # All within a second or so, by which tensorboardX names its files.
    record_steps(tmp_path, [50])
    assert curve(tmp_path, "loss") == [(50, 12.5)]
    assert len(list((tmp_path / "events").iterdir())) == 3


def test_a_torn_event_file_does_not_hide_the_next_one(tmp_path):
    record_steps(tmp_path, [100, 200])
    (first,) = (tmp_path / "events").iterdir()
    os.truncate(first, first.stat().st_size - 5)
    record_steps(tmp_path, [150], start=100)
    assert curve(tmp_path, "loss") == [(100, 25.0), (150, 37.5)]


def test_metrics_are_read_by_name(tmp_path):
    with closing(Recorder(tmp_path)) as recorder:
        recorder.scalars(10, 1.0, {"loss": 1.0})
        recorder.scalars(20, 2.0, {"loss": float("nan")})
        recorder.scalars(20, 2.5, {"fid": 7.0})
        recorder.scalars(15, 2.5, {"fid": 8.0})  # an earlier checkpoint, measured late
    metrics = series(read_records(tmp_path)[0])
    assert list(metrics) == ["seconds", "loss", "fid"]
    for name, steps, values in (
        ("seconds", [10, 15, 20], [1.0, 2.5, 2.5]),
        ("loss", [10, 20], [1.0, np.nan]),
        ("fid", [15, 20], [8.0, 7.0]),
    ):
        np.testing.assert_array_equal(metrics[name][0], steps)
        np.testing.assert_array_equal(metrics[name][1], values)
        assert (metrics[name][0].dtype, metrics[name][1].dtype) == (np.int64, float)
    assert series(read_records(tmp_path / "nowhere")[0]) == {}


def test_importing_is_light(tmp_path):
    script = """if True:
        import sys
        import ganjax.look.draw, ganjax.record.progress
        from ganjax.record.recorder import Recorder
        heavy = ("jax", "matplotlib", "tensorflow", "tensorboardX", "rich")
        print(*(name for name in heavy if name in sys.modules))
        Recorder(sys.argv[1]).close()
        print(*(name for name in heavy if name in sys.modules))
    """
    done = subprocess.run(
        child(script, tmp_path), capture_output=True, text=True, check=True
    )
    assert done.stdout == "\ntensorboardX\n"
