"""Verifies a ledger with the PyPI package `aics-tlog`: run by test_ledger.py under a Python that has it.

    python verify_independently.py LEDGER PUBLIC_KEY_FILE [--entries | --proof FILE [RECORD] | --pack DIR | --cosigned FILE VKEY...]

A ledger that was pruned has a file `minimum`: bundles below it may be gone, their hashes may not. With RECORD a proof is
checked for the bytes in that file instead of the entry in the ledger.

Prints one line of JSON, then with --entries each record. An uncaught exception is the finding: the exit code is not 0.
"""

import base64
import json
import sys
from pathlib import Path

from aics_tlog import (
    FileSystemTileReader,
    inclusion_proof_from_tiles,
    leaf_hash,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    read_entry,
    tree_root_from_tiles,
    verify_checkpoint,
    verify_inclusion,
    verify_note,
)


def of(thing, *names):
    """The first of these attributes."""
    return next(getattr(thing, name) for name in names if hasattr(thing, name))


def must(what, held):
    if not held:
        raise SystemExit(f"not verified: {what}")


def checkpoint(text, key):
    note = parse_note(text)
    must("the checkpoint's signature", verify_checkpoint(note, key, expected_origin=key.name) is not False)
    head = parse_checkpoint(note.text)
    return of(head, "size", "tree_size"), of(head, "root_hash", "root")


def minimum(directory, key):
    """The lowest index that is kept, and the record that says so: 0 and nothing for a ledger that was never pruned."""
    file = directory / "minimum"
    if not file.exists():
        return 0, None
    note = parse_note(file.read_text())
    must("the minimum index's signature", verify_note(note, [key]) is not False)
    header, origin, lowest, record = note.text.rstrip("\n").split("\n")
    must("the minimum index", (header, origin) == ("cordon-minimum/v1", key.name))
    lowest, record = int(lowest.removeprefix("minimum ")), int(record.removeprefix("record "))
    must("the minimum index", lowest % 256 == 0 and lowest <= record)
    return lowest, record


def hash_in_tile(reader, index):
    """The hash of a leaf whose entry was given up; its tile is full."""
    return reader.read_tile(0, index // 256, None)[index % 256 * 32 :][:32]


def main(ledger, key_file, *arguments):
    directory, key = Path(ledger), parse_vkey(Path(key_file).read_text().strip())
    if arguments[:1] == ("--pack",):
        packed(Path(arguments[1]), key)
        return
    size, root = checkpoint((directory / "checkpoint").read_text(), key)
    reader = FileSystemTileReader(directory)
    if arguments[:1] == ("--proof",):
        record = Path(arguments[2]).read_bytes() if arguments[2:] else None
        proven(Path(arguments[1]).read_text(), reader, key, record)
        return
    if arguments[:1] == ("--cosigned",):
        cosigned(Path(arguments[1]).read_text(), key, [parse_vkey(text) for text in arguments[2:]], reader)
        return
    must("the root", tree_root_from_tiles(reader, size) == root)
    lowest, said = minimum(directory, key)
    entries = [read_entry(reader, index, size) for index in range(lowest, size)]
    for index in range(size):
        leaf = hash_in_tile(reader, index) if index < lowest else leaf_hash(entries[index - lowest])
        proof = inclusion_proof_from_tiles(reader, index, size)
        must(f"entry {index}", verify_inclusion(leaf, index, size, proof, root))
    if said is not None:
        must("a record that backs the minimum index", said < size)
        record = json.loads(entries[said - lowest])
        must("the record that backs the minimum index", (record["what"], record["of"]) == ("pruned", lowest))
    print(json.dumps({"size": size, "minimum": lowest, "inclusion_proofs": size}))
    if arguments[:1] == ("--entries",):
        for entry in entries:
            print(entry.decode())


def proven(text, reader, key, record):
    """A tlog-proof: header, index, hashes, an empty line, the signed checkpoint."""
    head, note = text.split("\n\n", 1)
    header, index, *hashes = head.split("\n")
    must("the header", header == "c2sp.org/tlog-proof@v1")
    index = int(index.removeprefix("index "))
    size, root = checkpoint(note, key)
    hashes = [base64.b64decode(line, validate=True) for line in hashes]
    entry = read_entry(reader, index, size) if record is None else record
    must("the proof", verify_inclusion(leaf_hash(entry), index, size, hashes, root))
    print(json.dumps({"index": index, "size": size}))


def packed(pack, key):
    """Each sample of an evidence pack: its record's bytes, its proof, the pack's checkpoint; no ledger is read."""
    whole = (pack / "checkpoint").read_text()
    size, root = checkpoint(whole, key)
    proofs = sorted(pack.glob("samples/*.tlog-proof"))
    for path in proofs:
        head, note = path.read_text().split("\n\n", 1)
        header, index, *hashes = head.split("\n")
        must("the header", header == "c2sp.org/tlog-proof@v1")
        must("the checkpoint", note == whole)
        index = int(index.removeprefix("index "))
        must("the name", path.stem == str(index))
        hashes = [base64.b64decode(line, validate=True) for line in hashes]
        record = path.with_suffix(".json").read_bytes()
        must(f"{path.name}", verify_inclusion(leaf_hash(record), index, size, hashes, root))
    print(json.dumps({"size": size, "proofs": len(proofs)}))
def cosigned(text, key, witnesses, reader):
    """A checkpoint that all of these witnesses cosigned, and whose root the tiles lead to."""
    if text.startswith("c2sp.org/tlog-proof@v1"):
        text = text.split("\n\n", 1)[1]
    note = parse_note(text)
    judged = verify_checkpoint(note, key, witnesses, quorum=len(witnesses), expected_origin=key.name)
    must(f"the cosignatures: {judged}", of(judged, "ok", "valid", "verified"))
    head = parse_checkpoint(note.text)
    size, root = of(head, "size", "tree_size"), of(head, "root_hash", "root")
    must("the cosigned root", tree_root_from_tiles(reader, size) == root)
    print(json.dumps({"size": size, "witnesses": len(witnesses)}))


main(*sys.argv[1:])
