"""arrow_read.py FEATURES OUT: what pyarrow reads in a feature file; OUT gets the embeddings."""

import json
import sys

import numpy
import pyarrow.ipc
from safetensors.numpy import save_file

path, out = sys.argv[1:]
table = pyarrow.ipc.open_file(path).read_all()
table.validate(full=True)
width = table.schema.field("embedding").type.list_size
flat = table["embedding"].combine_chunks().flatten().to_numpy()
save_file({"embedding": numpy.ascontiguousarray(flat.reshape(-1, width))}, out)
print(json.dumps({
    "schema": [[field.name, str(field.type)] for field in table.schema],
    "metadata": {key.decode(): value.decode() for key, value in table.schema.metadata.items()},
    "columns": {name: table[name].to_pylist() for name in table.column_names if name != "embedding"},
}))
