"""Verifies a ledger with the PyPI package `aics-tlog`: run by test_ledger.py under a Python that has it.

    python verify_independently.py LEDGER PUBLIC_KEY_FILE [--entries | --proof FILE | --pack DIR | --cosigned FILE VKEY...]

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


def main(ledger, key_file, *arguments):
    directory, key = Path(ledger), parse_vkey(Path(key_file).read_text().strip())
    if arguments[:1] == ("--pack",):
        packed(Path(arguments[1]), key)
        return
    size, root = checkpoint((directory / "checkpoint").read_text(), key)
    reader = FileSystemTileReader(directory)
    if arguments[:1] == ("--proof",):
        proven(Path(arguments[1]).read_text(), reader, key)
        return
    if arguments[:1] == ("--cosigned",):
        cosigned(Path(arguments[1]).read_text(), key, [parse_vkey(text) for text in arguments[2:]], reader)
        return
    must("the root", tree_root_from_tiles(reader, size) == root)
    entries = [read_entry(reader, index, size) for index in range(size)]
    for index, entry in enumerate(entries):
        proof = inclusion_proof_from_tiles(reader, index, size)
        must(f"entry {index}", verify_inclusion(leaf_hash(entry), index, size, proof, root))
    print(json.dumps({"size": size, "inclusion_proofs": len(entries)}))
    if arguments[:1] == ("--entries",):
        for entry in entries:
            print(entry.decode())


def proven(text, reader, key):
    """A tlog-proof: header, index, hashes, an empty line, the signed checkpoint."""
    head, note = text.split("\n\n", 1)
    header, index, *hashes = head.split("\n")
    must("the header", header == "c2sp.org/tlog-proof@v1")
    index = int(index.removeprefix("index "))
    size, root = checkpoint(note, key)
    hashes = [base64.b64decode(line, validate=True) for line in hashes]
    entry = read_entry(reader, index, size)
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
