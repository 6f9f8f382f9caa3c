"""Compares packages/onnx's schema table and operator signatures with those of the onnx Python package.

Needs `onnx` and a built packages/onnx (`npx tsc -b packages/onnx`); compares the com.microsoft signatures too where
`onnxruntime` is there. Prints every difference; exit status 1 if there is one. With `--write` the signature tables are
written anew first.

    python bench/peers/onnx-schema.py [--write]
"""

import json
import pathlib
import re
import subprocess
import sys

import onnx

DIST = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "dist"
SCALARS = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 9: "string", 12: "bytes", 13: "uint32", 14: "int32"}
KINDS = "float int string tensor graph floats ints strings tensors graphs".split()
KINDS = {number + 1: kind for number, kind in enumerate(KINDS)} | {11: "sparse", 12: "sparses", 13: "type", 14: "types"}
UNBOUNDED = 2147483647
NAMES = {"float": "float32", "double": "float64"}


def ours():
    script = (
        f"const schema = await import('{DIST.as_uri()}/io/schema.js');"
        f"const check = await import('{DIST.as_uri()}/check/signatures.js');"
        f"const operands = await import('{DIST.as_uri()}/check/operand-types.js');"
        f"const {{ dataTypes }} = await import('{DIST.as_uri()}/data-type.js');"
        "const types = Object.fromEntries(Object.entries(dataTypes).map(([name, row]) => [name, row.number]));"
        "console.log(JSON.stringify([schema.onnxSchema, check.onnxSignatures, check.microsoftSignatures, check.newestOpset, types, operands.operandTypes]));"
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
    files = (onnx.ModelProto.DESCRIPTOR.file, onnx.SequenceProto.DESCRIPTOR.file)
    everything = messages(message for file in files for message in file.message_types_by_name.values())
    return {
        message.full_name.removeprefix("onnx."): {field.name: [field.number, field_type(field)] for field in message.fields}
        for message in everything
    }


def counted(formal, low, high):
    """`2`, `1..3`, `1..`; with `?0,1` when those of the first `low` may be omitted as well."""
    option = [str(value.option).split(".")[-1] for value in formal]
    omitted = ",".join(str(at) for at in range(low) if at < len(option) and option[at] == "Optional")
    count = str(low) if low == high else f"{low}.." if high >= UNBOUNDED else f"{low}..{high}"
    return f"{count}?{omitted}" if omitted else count


def attribute(name, value):
    return f"{name}{'!' if value.required else ''}:{KINDS[int(getattr(value.type, 'value', value.type))]}"


def table_of(schemas):
    """One text per operator: its versions, each with the attributes that it adds to and takes from the one before."""
    history = {}
    for schema in sorted(schemas, key=lambda s: s.since_version):
        key = f"{schema.domain}.{schema.name}" if schema.domain else schema.name
        history.setdefault(key, {})[schema.since_version] = schema
    rows = {}
    for key, versions in sorted(history.items()):
        parts, before, last = [], set(), None
        for since, schema in versions.items():
            counts = [
                counted(schema.inputs, schema.min_input, schema.max_input),
                counted(schema.outputs, schema.min_output, schema.max_output),
            ]
            attributes = {attribute(name, value) for name, value in schema.attributes.items()}
            state = "deprecated" if schema.deprecated else [*counts, attributes]
            if state == last:
                continue
            last = state
            if schema.deprecated:
                parts.append(f"{since} deprecated")
                continue
            gone = sorted(f"-{text.split(':')[0].rstrip('!')}" for text in before - attributes)
            parts.append(" ".join([str(since), *counts, *gone, *sorted(attributes - before)]))
            before = attributes
        rows[key] = " | ".join(parts)
    return rows


def onnx_signatures():
    return table_of(onnx.defs.get_all_schemas_with_history())


def microsoft_schemas():
    """ONNX Runtime's, where the package is there."""
    try:
        from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema
    except ImportError:
        return None
    return [s for s in get_all_operator_schema() if s.domain == "com.microsoft" or s.name == "SimplifiedLayerNormalization"]


def microsoft_signatures():
    schemas = microsoft_schemas()
    return schemas and table_of(schemas)


def operand_types(schemas):
    """One text per operator whose inputs must agree: a letter or an element type per input, the newest version's."""
    newest = {}
    for schema in sorted((s for s in schemas if not s.deprecated), key=lambda s: s.since_version):
        newest[f"{schema.domain}.{schema.name}" if schema.domain else schema.name] = schema
    rows = {}
    for key, schema in sorted(newest.items()):
        constraint = {}
        for each in schema.type_constraints:
            name = getattr(each, "type_param_str", None) or getattr(each, "typeParamStr")
            allowed = getattr(each, "allowed_type_strs", None) or getattr(each, "allowedTypeStrs")
            constraint[name] = list(allowed)
        words, letters = [], {}
        for formal in schema.inputs:
            name = getattr(formal, "type_str", None) or getattr(formal, "typeStr")
            allowed = constraint.get(name, [name])
            variadic = str(formal.option).split(".")[-1] == "Variadic"
            if len(allowed) == 1 and allowed[0].startswith("tensor("):
                word = NAMES.get(allowed[0][7:-1], allowed[0][7:-1])
            elif name in constraint and all(text.startswith("tensor(") for text in allowed):
                word = letters.setdefault(name, "TUVWXYZABCDEF"[len(letters)])
            else:
                word = "*"
            if variadic and not getattr(formal, "is_homogeneous", getattr(formal, "isHomogeneous", True)):
                word = "*"
            words.append(word + ("…" if variadic and word != "*" else ""))
        counts = {word: sum(w.rstrip("…") == word.rstrip("…") for w in words) for word in words}
        alone = {w for w in words if len(w) == 1 and counts[w] == 1}
        words = ["*" if word in alone else word for word in words]
        while words and words[-1] == "*":
            words.pop()
        if words:
            rows[key] = " ".join(words)
    return rows


def write(name, doc, rows):
    lines = ["/**", f" * {doc}", " * Written by `bench/peers/onnx-schema.py --write`.", " */"]
    lines.append(f"export const {name}: Readonly<Record<string, string>> = {{")
    for key, text in rows.items():
        shown = key if key.isidentifier() else f"'{key}'"
        line = f"  {shown}: '{text}',"
        lines.extend([line] if len(line) <= 120 else [f"  {shown}:", f"    '{text}',"])
    lines.append("};\n")
    file = re.sub("([A-Z])", lambda letter: f"-{letter[0].lower()}", name) + ".ts"
    (DIST.parent / "src" / "check" / file).write_text("\n".join(lines), encoding="utf-8")


def compare(what, table, truth):
    wrong = 0
    for key in sorted(set(table) | set(truth)):
        if table.get(key) != truth.get(key):
            wrong += 1
            print(f"{what} {key}: ours {table.get(key)}, onnx {truth.get(key)}")
    return wrong


def main():
    truth, theirs = onnx_signatures(), microsoft_signatures()
    types_of = operand_types(onnx.defs.get_all_schemas_with_history())
    if theirs is not None:
        types_of |= operand_types(microsoft_schemas())
    if "--write" in sys.argv:
        write("onnxSignatures", "Signatures of the operators of the ONNX project's own domains.", truth)
        if theirs is not None:
            write("microsoftSignatures", "Signatures of the operators that ONNX Runtime adds.", theirs)
        if theirs is not None:
            doc = "Element types of inputs, read by `operand-types.ts`."
            write("operandTypes", doc, types_of)
        subprocess.check_call(["npx", "tsc", "-b", str(DIST.parent)])
    schema, table, microsoft, newest, types, operands = ours()
    messages_ = descriptor()
    wrong = compare("message", schema, messages_)
    wrong += compare("operator", table, truth)
    if theirs is not None:
        wrong += compare("operator", microsoft, theirs)
        wrong += compare("operands", operands, types_of)
    wrong += compare("newest opset", {"": newest}, {"": onnx.defs.onnx_opset_version()})
    numbers = sorted(set(onnx.TensorProto.DataType.values()) - {0})
    wrong += compare("element types", {"numbers": sorted(types.values())}, {"numbers": numbers})
    fields = sum(len(value) for value in messages_.values())
    own = "onnxruntime not there" if theirs is None else f"{len(theirs)} of ONNX Runtime"
    print(f"onnx {onnx.__version__}: {len(messages_)} messages, {fields} fields, {len(truth)} operators, {own}; {wrong} differences")
    sys.exit(1 if wrong else 0)


main()
