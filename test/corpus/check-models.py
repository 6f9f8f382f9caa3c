"""Reads lines of JSON {"before": file, "after": file}; answers each with {"before": error or null, "after": ..., "same": bool}.

`before` and `after` are what onnx.checker says; `same` tells whether both load to equal messages once tensors are
written in one form.
"""
import json
import sys

import numpy as np
import onnx


def load(path):
    model = onnx.load(path)
    onnx.checker.check_model(model)
    return model


def attempt(path):
    try:
        return load(path), None
    except Exception as error:
        return None, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def messages(message):
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for entry in value if hasattr(value, "__len__") else [value]:
                if hasattr(entry, "ListFields"):
                    yield from messages(entry)


def normalise(model):
    """Attributes in the order of their names; the data of every tensor as raw bytes; no empty names and texts."""
    for message in list(messages(model)):
        for field, value in message.ListFields():
            if value == "":
                message.ClearField(field.name)
    for tensor in [m for m in messages(model) if isinstance(m, onnx.TensorProto)]:
        if tensor.data_type in (0, onnx.TensorProto.STRING) or tensor.HasField("raw_data"):
            continue
        array = onnx.numpy_helper.to_array(tensor)
        raw = onnx.numpy_helper.from_array(np.ascontiguousarray(array))
        for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
            tensor.ClearField(field)
        tensor.raw_data = raw.raw_data
    for node in nodes(model):
        attributes = sorted(node.attribute, key=lambda a: a.name)
        copies = [onnx.AttributeProto() for _ in attributes]
        for copy, attribute in zip(copies, attributes):
            copy.CopyFrom(attribute)
        del node.attribute[:]
        node.attribute.extend(copies)
    return model


def nodes(model):
    def of(graph_nodes):
        for node in graph_nodes:
            yield node
            for attribute in node.attribute:
                for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                    yield from of(graph.node)

    yield from of(model.graph.node)
    for function in model.functions:
        yield from of(function.node)


for line in sys.stdin:
    job = json.loads(line)
    before, before_error = attempt(job["before"])
    after, after_error = attempt(job["after"])
    same = before is not None and after is not None and normalise(before) == normalise(after)
    print(json.dumps(dict(before=before_error, after=after_error, same=same)), flush=True)
