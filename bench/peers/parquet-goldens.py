"""Small Parquet files by pyarrow and pandas with the values they hold, for packages/text/src/sources/parquet.test.ts.

    python bench/peers/parquet-goldens.py packages/text/goldens/parquet
(pyarrow 26.0, pandas 3.1). Values are JSON as the reader gives them: 64-bit integers as "123n", dates and times as ISO text
with as many digits as are not zero, decimals as their exact text, bytes as text.
"""
import datetime
import decimal
import json
import pathlib
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
rows = 60
every = lambda n, make: [None if i % n == n - 1 else make(i) for i in range(rows)]
moment = lambda i: datetime.datetime(1969, 12, 31, 23, 59, 58) + datetime.timedelta(seconds=i, microseconds=1001 * i)
schema = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        ("maybe", pa.string()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("id", pa.int64()),
        ("unsigned", pa.uint64()),
        ("small", pa.int16()),
        ("flag", pa.bool_()),
        ("single", pa.float32()),
        ("double", pa.float64()),
        ("day", pa.date32()),
        ("millis", pa.timestamp("ms")),
        ("micros", pa.timestamp("us", tz="UTC")),
        ("nanos", pa.timestamp("ns")),
        ("price", pa.decimal128(9, 2)),
        ("long_decimal", pa.decimal128(38, 10)),
        ("bytes", pa.binary()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("answers", pa.struct([("text", pa.list_(pa.string())), ("start", pa.list_(pa.int32()))])),
        ("nothing", pa.null()),
    ]
)
table = pa.table(
    {
        "text": [f"Zeile {i} äöü 文 \U0001f600 \ufffd" if i % 7 == 0 else f"line {i}" for i in range(rows)],
        "maybe": every(3, lambda i: "" if i % 4 == 0 else f"m{i}"),
        "label": every(11, lambda i: ["neg", "pos", "neutral"][i % 3]),
        "id": every(5, lambda i: (2**53 + 1 + i) * (-1) ** i),
        "unsigned": every(13, lambda i: 2**64 - 1 - i),
        "small": [i - 30 for i in range(rows)],
        "flag": every(4, lambda i: i % 3 == 0),
        "single": [i / 8 for i in range(rows)],
        "double": every(9, lambda i: i / 10),
        "day": every(6, lambda i: datetime.date(1969, 12, 1) + datetime.timedelta(days=17 * i)),
        "millis": every(7, lambda i: moment(i).replace(microsecond=moment(i).microsecond // 1000 * 1000)),
        "micros": every(8, moment),
        "nanos": [moment(i) for i in range(rows)],
        "price": every(10, lambda i: decimal.Decimal(i * 57 - 1000) / 100),
        "long_decimal": [decimal.Decimal(10**27 + i).scaleb(-10) * (-1) ** i for i in range(rows)],
        "bytes": [f"caf\u00e9 {i}".encode("latin-1" if i == 2 else "utf-8") for i in range(rows)],
        "messages": every(
            12, lambda i: [{"role": ["user", "assistant"][k % 2], "content": f"{i}.{k}"} for k in range(i % 5)]
        ),
        "answers": [{"text": [f"a{i}"] * (i % 3), "start": None if i % 4 == 0 else [i, i + 1]} for i in range(rows)],
        "nothing": [None] * rows,
    },
    schema=schema,
)


def shown(value, kind):
    if value is None or isinstance(value, (bool, str)):
        return value
    if pa.types.is_list(kind):
        return [shown(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: shown(value[field.name], field.type) for field in kind}
    if pa.types.is_timestamp(kind):
        text = pd.Timestamp(value).tz_localize(None).isoformat()
        return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.decode("utf-8" if value[3:4] == b"\xc3" else "latin-1")
    return f"{value}n" if pa.types.is_integer(kind) and kind.bit_width == 64 else value


def values(table):
    columns = [[shown(v, field.type) for v in table[field.name].to_pylist()] for field in table.schema]
    return [dict(zip(table.schema.names, row)) for row in zip(*columns)]


write = lambda name, table, **options: pq.write_table(table, out / f"{name}.parquet", **options)
write("all", table, row_group_size=45)
few = table.select(["text", "label", "id", "messages"])
for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    write(codec, few, compression=codec, data_page_version="2.0" if codec in ("zstd", "gzip") else "1.0")
tiny = dict(data_page_size=64, write_batch_size=4, use_dictionary=["label"])
write("tiny-pages", few, compression="none", write_page_checksum=True, **tiny)
write("tiny-pages-v2", few.append_column("answers", table["answers"]), compression="snappy", data_page_version="2.0", write_page_index=True, **tiny)
write("int96", table.select(["text", "millis"]), use_deprecated_int96_timestamps=True, store_decimal_as_integer=True)
encodings = {"text": "DELTA_BYTE_ARRAY", "maybe": "DELTA_LENGTH_BYTE_ARRAY", "id": "DELTA_BINARY_PACKED", "small": "DELTA_BINARY_PACKED"}
encodings |= {"double": "BYTE_STREAM_SPLIT", "single": "BYTE_STREAM_SPLIT", "price": "BYTE_STREAM_SPLIT", "flag": "RLE"}
write("encodings", table.select(list(encodings)), use_dictionary=False, column_encoding=encodings, version="2.6", data_page_version="2.0")
write("integer-decimals", table.select(["text", "price", "long_decimal"]), store_decimal_as_integer=True, use_dictionary=True)
frame = pd.DataFrame({"text": ["a", None, "c"], "label": pd.Categorical(["x", "y", "x"]), "score": [1, None, 3]}, index=[5, 7, 9])
frame.to_parquet(out / "pandas.parquet", compression="gzip")
(out / "values.json").write_text(
    json.dumps({"all": values(table), "pandas": values(pq.read_table(out / "pandas.parquet"))}, ensure_ascii=False) + "\n"
)
