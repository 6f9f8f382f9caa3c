"""Writes packages/trainer/goldens/events.out.tfevents.golden with TensorBoard's own record writer, and checks an event file that
slm-compress wrote when one is named:

    python bench/peers/event-file-golden.py [FILE]      (pip install tensorboard)
"""
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

golden = pathlib.Path(__file__).parents[2] / "packages/trainer/goldens/events.out.tfevents.golden"
if len(sys.argv) > 1:
    accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
    accumulator.Reload()
    for tag in accumulator.Tags()["scalars"]:
        scalars = accumulator.Scalars(tag)
        print(f"{tag}: {len(scalars)} values, steps {scalars[0].step} to {scalars[-1].step}, last {scalars[-1].value:.6g}")
    sys.exit()


def scalars(**values):
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


with open(golden, "wb") as file:
    writer = RecordWriter(file)
    for event in [
        Event(wall_time=1.5, file_version="brain.Event:2"),
        Event(wall_time=1700000000.25, step=1, summary=scalars(**{"train/loss": 0.75})),
        Event(wall_time=1700000001, step=300, summary=scalars(**{"train/loss": 1e-9, "validation/accuracy": -2})),
        Event(wall_time=1700000002, step=2**33, summary=scalars(**{"größe": 3})),
    ]:
        writer.write(event.SerializeToString())
    writer.flush()
