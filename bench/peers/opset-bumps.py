"""Checks that every version of every ai.onnx operator is classified in packages/onnx/src/opset.

Needs `onnx` and a built packages/onnx (`npx tsc -b packages/onnx`). Each version of an operator after its first must
either have a step (`opsetSteps`) or be listed as compatible (`compatibleVersions`), never both; and one whose signature
changed so that older nodes do not fit any more (an attribute or input gone, required, of another kind or default;
element types lost; the operator withdrawn) must have a step. Prints the counts, and every difference; exit status 1 if
there is one. With `--list` every incompatible version is printed with what changed.

    python bench/peers/opset-bumps.py [--list]
"""

import json
import pathlib
import subprocess
import sys

import onnx

DIST = pathlib.Path(__file__).resolve().parents[2] / "packages" / "onnx" / "dist"

# Changes of a signature that no model of the older version is hurt by.
HARMLESS = {
    ("GRU", 3): "the default of direction was misspelt",
}


def ours():
    script = (
        f"const {{ opsetSteps }} = await import('{DIST.as_uri()}/opset/table.js');"
        f"const {{ compatibleVersions }} = await import('{DIST.as_uri()}/opset/compatible-versions.js');"
        "const steps = Object.fromEntries(Object.entries(opsetSteps).map(([key, list]) => [key, list.map(({ to }) => to)]));"
        "console.log(JSON.stringify([steps, compatibleVersions]));"
    )
    steps, compatible = json.loads(subprocess.check_output(["node", "--input-type=module", "-e", script]))
    return (
        {(name, to) for name, versions in steps.items() for to in versions},
        {(name, int(version)) for version, names in compatible.items() for name in names.split()},
    )


def text(value):
    return str(value).split(".")[-1]


def changes(old, new):
    """What an older node may have that the newer version does not take, or takes for something else."""
    if new.deprecated:
        return ["withdrawn"]
    found = []
    for name, attribute in old.attributes.items():
        other = new.attributes.get(name)
        if other is None:
            found.append(f"attribute {name} gone")
        elif text(other.type) != text(attribute.type):
            found.append(f"attribute {name}: {text(attribute.type)} became {text(other.type)}")
        elif str(other.default_value) != str(attribute.default_value) and not other.required:
            found.append(f"another default of attribute {name}")
    for name, attribute in new.attributes.items():
        if attribute.required and not (name in old.attributes and old.attributes[name].required):
            found.append(f"attribute {name} required")
    if new.min_input > old.min_input:
        found.append(f"{new.min_input} inputs required")
    if new.max_input < old.max_input:
        found.append(f"{new.max_input} inputs at most")
    if new.max_output < old.max_output:
        found.append(f"{new.max_output} outputs at most")
    for at, formal in enumerate(old.inputs):
        if at >= len(new.inputs):
            break
        lost = set(formal.types) - set(new.inputs[at].types)
        if lost:
            found.append(f"input {formal.name} not of {', '.join(sorted(lost))}")
        if "Optional" in text(formal.option) and "Single" in text(new.inputs[at].option):
            found.append(f"input {formal.name} required")
    return found


def main():
    steps, compatible = ours()
    history = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            history.setdefault(schema.name, []).append(schema)
    bumps, incompatible, differences = set(), 0, []
    for name, schemas in sorted(history.items()):
        schemas.sort(key=lambda schema: schema.since_version)
        for old, new in zip(schemas, schemas[1:]):
            bump = (name, new.since_version)
            bumps.add(bump)
            found = changes(old, new)
            if bump in steps and bump in compatible:
                differences.append(f"{name} {bump[1]}: has a step and is listed as compatible")
            if bump not in steps and bump not in compatible:
                differences.append(f"{name} {bump[1]}: not classified")
            if found and bump not in steps and bump not in HARMLESS:
                differences.append(f"{name} {bump[1]}: needs a step ({'; '.join(found)})")
            incompatible += bool(found)
            if found and "--list" in sys.argv:
                print(f"{name} {old.since_version} -> {bump[1]}: {'; '.join(found)}")
    for name, version in sorted((steps | compatible) - bumps):
        differences.append(f"{name} {version}: no such version")
    print(f"{len(bumps)} versions: {len(bumps & steps)} with a step, {len(bumps & compatible)} compatible; {incompatible} changed incompatibly by signature")
    print("\n".join(differences))
    return 1 if differences else 0


sys.exit(main())
