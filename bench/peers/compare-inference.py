"""Compares the type and shape inference of packages/onnx with onnx.shape_inference, value by value.

Needs `onnx` and a built packages/onnx (`npx tsc -b packages/onnx`). Takes models or folders of models; each is inferred
as it is, or with `--strip` without what it says of its intermediate values and its outputs. Values, those of subgraphs
among them, are equal, known better here, known better there, or contradict each other; a name of ours where theirs has
another name counts as equal (`--verbose` prints them). With `--symbolic` the peer is ONNX Runtime's symbolic inference;
with `--run batch=2,sequence=5` it is what ONNX Runtime computes from ones of these sizes.

    python bench/peers/compare-inference.py [--strip] [--symbolic | --run NAME=SIZE,…] [--verbose] PATH…
"""

import argparse
import collections
import json
import pathlib
import subprocess
import tempfile

import onnx

DIST = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "dist"
OURS = f"""
import {{ readFileSync }} from 'node:fs';
import {{ createInterface }} from 'node:readline';
const {{ decodeModel, inferTypes, valueTypes, dataTypes }} = await import('{DIST.as_uri()}/index.js');
const {{ substitute }} = await import('{DIST.as_uri()}/types/dims.js');
const sizes = new Map(JSON.parse(process.argv[1] ?? '[]'));
const size = (dim) => (sizes.size === 0 ? dim : substitute(dim, sizes)) ?? null;
for await (const path of createInterface({{ input: process.stdin }})) {{
  let found = {{}};
  const start = performance.now();
  const note = (graph, prefix) => {{
    for (const [name, type] of valueTypes(graph))
      found[prefix + name] = [dataTypes[type.type].number, type.dims?.map(size) ?? null];
    graph.nodes.forEach((node, index) => {{
      for (const [name, {{ kind, value }}] of Object.entries(node.attributes))
        if (kind === 'graph') note(value, `${{prefix}}${{index}}.${{name}}/`);
    }});
  }};
  try {{
    note(inferTypes(decodeModel(readFileSync(path))).graph, '');
  }} catch (error) {{
    found = String(error.code ? error.message : error.stack);
  }}
  console.log(JSON.stringify([found, performance.now() - start]));
}}
"""


def dim(value):
    if value.HasField("dim_value"):
        return value.dim_value if value.dim_value >= 0 else None
    text = value.dim_param if value.HasField("dim_param") else ""
    return None if text == "" or text.startswith("unk__") else text


def type_of(value):
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type == 0:
        return None
    return [tensor.elem_type, [dim(d) for d in tensor.shape.dim] if tensor.HasField("shape") else None]


def computed(file, sizes):
    """Types of what ONNX Runtime makes of ones."""
    import numpy as np
    import onnxruntime

    model = onnx.load(file)
    outputs = {output.name for output in model.graph.output}
    for name in [name for node in model.graph.node for name in node.output if name and name not in outputs]:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {}
    for each in model.graph.input:
        number, dims = type_of(each)
        shape = [sizes.get(dim, dim) for dim in dims]
        feeds[each.name] = np.ones(shape, dtype=onnx.helper.tensor_dtype_to_np_dtype(number))
    names = [output.name for output in session.get_outputs()]
    made = zip(names, session.run(names, feeds))
    return {name: [onnx.helper.np_dtype_to_tensor_dtype(a.dtype), list(a.shape)] for name, a in made if hasattr(a, "shape")}


def theirs(model, symbolic):
    if symbolic:
        from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

        model = SymbolicShapeInference.infer_shapes(model, auto_merge=True)
    else:
        model = onnx.shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
    return {name: type_of(value) for name, value in values(model.graph) if type_of(value) is not None}


def values(graph, prefix=""):
    """Intermediate values and outputs, with those of subgraphs under the place of their node."""
    for value in [*graph.value_info, *graph.output]:
        yield prefix + value.name, value
    for index, node in enumerate(graph.node):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from values(attribute.g, f"{prefix}{index}.{attribute.name}/")


def producers(graph, prefix=""):
    for index, node in enumerate(graph.node):
        for name in node.output:
            yield prefix + name, node.op_type
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from producers(attribute.g, f"{prefix}{index}.{attribute.name}/")


def strip(graph):
    del graph.value_info[:]
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.ClearField("type")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                strip(attribute.g)


def without_data(model):
    """Large weights need no bytes to have a shape."""
    for tensor in model.graph.initializer:
        tensor_size = 1
        for size in tensor.dims:
            tensor_size *= size
        if tensor_size > 2048 or tensor.data_location == onnx.TensorProto.EXTERNAL:
            value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            if tensor.name not in {value.name for value in model.graph.input}:
                model.graph.input.append(value)
    kept = [t for t in model.graph.initializer if t.name not in {value.name for value in model.graph.input}]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def verdict(ours, their):
    if ours is None:
        return "theirs"
    if ours[0] != their[0]:
        return "contradiction"
    if their[1] is None:
        return "ours" if ours[1] is not None else "equal"
    if ours[1] is None:
        return "theirs"
    if len(ours[1]) != len(their[1]):
        return "contradiction"
    better, worse = False, False
    for a, b in zip(ours[1], their[1]):
        if isinstance(a, int) and isinstance(b, int) and a != b:
            return "contradiction"
        rank = [2 if isinstance(x, int) else 1 if x is not None else 0 for x in (a, b)]
        better, worse = better or rank[0] > rank[1], worse or rank[1] > rank[0]
    return "theirs" if worse else "ours" if better else "equal"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--strip", action="store_true")
    parser.add_argument("--symbolic", action="store_true")
    parser.add_argument("--run", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    sizes = {name: int(size) for name, size in (each.split("=") for each in options.run.split(",") if each)}
    files = []
    for path in map(pathlib.Path, options.paths):
        files.extend(sorted(path.rglob("*.onnx")) if path.is_dir() else [path])
    command = ["node", "--input-type=module", "-e", OURS, json.dumps(list(sizes.items()))]
    node = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    counts, models, slowest, names = collections.Counter(), collections.Counter(), (0.0, ""), 0
    with tempfile.TemporaryDirectory() as folder:
        for index, file in enumerate(files):
            model = onnx.load(file, load_external_data=False)
            without_data(model)
            if options.strip:
                strip(model.graph)
            written = pathlib.Path(folder) / f"{index}.onnx"
            written.write_bytes(model.SerializeToString())
            makers = dict(producers(model.graph))
            node.stdin.write(f"{written}\n")
            node.stdin.flush()
            found, milliseconds = json.loads(node.stdout.readline())
            slowest = max(slowest, (milliseconds, str(file)))
            written.unlink()
            try:
                truth = computed(file, sizes) if sizes else theirs(model, options.symbolic)
            except Exception as error:  # noqa: BLE001
                models["theirs refuses"] += 1
                if options.verbose:
                    print(f"{file}: theirs refuses: {str(error)[:200]}")
                truth = {}
            if isinstance(found, str):
                models["ours refuses"] += 1
                print(f"{file}: ours refuses: {found}")
                continue
            models["inferred"] += 1
            for name, their in truth.items():
                result = verdict(found.get(name), their)
                counts[result] += 1
                named = result == "equal" and found[name] != their
                names += named
                if named and options.verbose:
                    print(f"name: {file.name} {name}: ours {found[name]}, theirs {their}")
                if result in ("contradiction", "theirs"):
                    op = makers.get(name, "input")
                    where = "/".join(file.parts[-2:])
                    print(f"{result}: {where} {name} ({op}): ours {found.get(name)}, theirs {their}")
            counts["ours"] += sum(1 for name in found if name in makers and name not in truth)
    node.stdin.close()
    node.wait()
    print(dict(models), dict(counts), f"{names} equal but for names; slowest {slowest[0]:.0f} ms {slowest[1]}")


main()
