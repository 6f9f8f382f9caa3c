"""Compares packages/onnx's schema table and operator signatures with those of the onnx Python package.

Needs `onnx` and a built packages/onnx (`npx tsc -b packages/onnx`). Prints every difference; exit status 1 if there is one.

    python bench/peers/onnx-schema.py
"""

import json
import pathlib
import subprocess
import sys

import onnx

DIST = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "dist"
SCALARS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 9: "string", 12: "bytes", 13: "uint32", 14: "int32"}
KINDS = "float int string tensor graph floats ints strings tensors graphs".split()
KINDS = {number + 1: kind for number, kind in enumerate(KINDS)} | {11: "sparse", 12: "sparses", 13: "type", 14: "types"}
UNBOUNDED = 2147483647


def ours():
    script = (
        f"const schema = await import('{DIST.as_uri()}/io/schema.js');"
        f"const check = await import('{DIST.as_uri()}/check/signatures.js');"
        f"const {{ dataTypes }} = await import('{DIST.as_uri()}/data-type.js');"
        "const types = Object.fromEntries(Object.entries(dataTypes).map(([name, row]) => [name, row.number]));"
        "console.log(JSON.stringify([schema.onnxSchema, check.signatures, check.newestOpset, types]));"
    )
    return json.loads(subprocess.check_output(["node", "--input-type=module", "-e", script]))


def field_type(field):
    base = field.message_type.full_name.removeprefix("onnx.") if field.message_type else SCALARS[field.type]
    if not field.is_repeated:
        return base
    return f"{base}[packed]" if field.has_options and field.GetOptions().packed else f"{base}[]"


def messages(container):
    for message in container:
        yield message
        yield from messages(message.nested_types)


def descriptor():
    everything = messages(onnx.ModelProto.DESCRIPTOR.file.message_types_by_name.values())
    return {
        message.full_name.removeprefix("onnx."): {field.name: [field.number, field_type(field)] for field in message.fields}
        for message in everything
    }


def counted(low, high):
    return str(low) if low == high else f"{low}.." if high >= UNBOUNDED else f"{low}..{high}"


def signature(schema):
    def attribute(name, value):
        return f"{name}{'!' if value.required else ''}:{KINDS[int(getattr(value.type, 'value', value.type))]}"

    attributes = " ".join(sorted(attribute(name, value) for name, value in schema.attributes.items()))
    return [counted(schema.min_input, schema.max_input), counted(schema.min_output, schema.max_output), attributes]


def signatures(names):
    rows = {}
    for name in names:
        history = sorted(
            (s for s in onnx.defs.get_all_schemas_with_history() if s.domain == "" and s.name == name and not s.deprecated),
            key=lambda s: s.since_version,
        )
        history = [s for s in history if s.since_version <= 7][-1:] + [s for s in history if s.since_version > 7]
        kept = []
        for schema in history:
            row = [schema.since_version, *signature(schema)]
            if not kept or kept[-1][1:] != row[1:]:
                kept.append(row)
        rows[name] = kept
    return rows


def compare(what, table, truth):
    wrong = 0
    for key in sorted(set(table) | set(truth)):
        if table.get(key) != truth.get(key):
            wrong += 1
            print(f"{what} {key}: ours {table.get(key)}, onnx {truth.get(key)}")
    return wrong


def main():
    schema, table, newest, types = ours()
    truth = descriptor()
    wrong = compare("message", schema, truth)
    wrong += compare("operator", table, signatures(table))
    wrong += compare("newest opset", {"": newest}, {"": onnx.defs.onnx_opset_version()})
    wrong += compare(
        "element types", {"numbers": sorted(types.values())}, {"numbers": sorted(set(onnx.TensorProto.DataType.values()) - {0})}
    )
    fields = sum(len(value) for value in truth.values())
    print(f"onnx {onnx.__version__}: {len(truth)} messages, {fields} fields, {len(table)} operators; {wrong} differences")
    sys.exit(1 if wrong else 0)


main()
