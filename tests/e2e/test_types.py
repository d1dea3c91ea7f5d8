"""The dialects' tables, held against the official clients' own type definitions.

Every field that a client can send or reads, every variant it tells apart and every word of a closed set has to have a
row in `cordon dialects`. What a new release of a client adds therefore fails here, as one named line:

    messages prompt: messages[role=user].content[type=new_block]: the client knows it, the table does not

It walks both together: the client's types (TypedDict and pydantic) on one side, the rows as a tree on the other.
"""

import enum
import inspect
import json
import re
import subprocess
import types
import typing
import unittest

import anthropic.types
import anthropic.types.beta
import openai.types.chat
import pydantic
import typing_extensions
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_count_tokens_params as beta_message_count_tokens_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from openai.types.chat import completion_create_params

from gateway import binary

# What the client knows and the table deliberately does not: reviewed one by one. Path pattern, and why.
ACCEPTED = {
    r"openai chat.completions prompt: tool_choice\{type=allowed_tools\}\.allowed_tools\.tools\[\]\.\*":
        "typed as any object, documented as a tool's type and name: these are known, others are refused",
    r"openai chat.completions stream: choices\[\]\.delta\.role=(developer|system|tool|user)":
        "an answer is the assistant's own; one under another role would be read as somebody else's words",
}

# A row of these takes whatever stands below it: all strings inspected, or all of it refused, or not looked into.
WHOLE = {"open", "refused", "opaque"}


class Node:
    """A place in the tables."""

    def __init__(self, path):
        self.path, self.below, self.rows = path, {}, []

    def child(self, token):
        joint = "." if self.path and token[0] not in "[{" else ""
        return self.below.setdefault(token, Node(self.path + joint + token))

    def takes_all(self):
        return any(is_ in WHOLE for is_, _ in self.rows)

    def words(self):
        """The closed set of words here; None where any string (or something else) may stand."""
        sets = [set(detail.split("|")) for is_, detail in self.rows if is_ == "enum"]
        return set().union(*sets) if sets else None


def tokens(path):
    """`messages[role=user].content{type=x}` is messages, [role=user], content, {type=x}."""
    return re.findall(r"\[[^\]]*\]|\{[^}]*\}|[^.\[\]{}]+", path)


def tables():
    """The rows as one tree for each operation, direction and form."""
    out = subprocess.run([binary(), "dialects"], capture_output=True, text=True, check=True).stdout
    trees = {}
    for line in out.splitlines():
        row = json.loads(line)
        node = trees.setdefault((row["operation"], row["direction"], row["stream"]), Node(""))
        for token in tokens(row["path"]):
            node = node.child(token)
        node.rows.append((row["is"], row["detail"]))
    return trees


# ---- the clients' side


def flat(kind):
    """A type without its wrappers: the alternatives that may stand on the wire."""
    if isinstance(kind, typing_extensions.TypeAliasType):
        return flat(kind.__value__)
    origin = typing.get_origin(kind)
    if origin in (typing.Annotated, typing_extensions.Annotated):
        return flat(typing.get_args(kind)[0])
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired):
        return flat(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        return [each for part in typing.get_args(kind) for each in flat(part)]
    return [] if kind is type(None) else [kind]


def is_object(kind):
    return inspect.isclass(kind) and (typing_extensions.is_typeddict(kind) or issubclass(kind, pydantic.BaseModel))


def is_map(kind):
    origin = typing.get_origin(kind) or kind
    return origin is dict or getattr(origin, "__name__", "") in ("Mapping", "Dict")


def is_array(kind):
    name = getattr(typing.get_origin(kind) or kind, "__name__", "")
    return name in ("list", "List", "Iterable", "Sequence", "SequenceNotStr", "tuple")


def literals(kind):
    """The words of a closed set; None for any other type."""
    words = set()
    for part in flat(kind):
        if typing.get_origin(part) in (typing.Literal, typing_extensions.Literal):
            words.update(str(word) for word in typing.get_args(part) if isinstance(word, str))
        elif inspect.isclass(part) and issubclass(part, enum.Enum):
            words.update(str(member.value) for member in part)
        else:
            return None
    return words or None


FIELDS = {}


def fields(kind):
    """Name on the wire to type."""
    if kind not in FIELDS:
        if issubclass(kind, pydantic.BaseModel):
            FIELDS[kind] = {f.alias or name: f.annotation for name, f in kind.model_fields.items()}
        else:
            hints = typing_extensions.get_type_hints(kind, include_extras=True)
            FIELDS[kind] = {alias(hint) or name: hint for name, hint in hints.items()}
    return FIELDS[kind]


def alias(hint):
    """The name on the wire that the client's own annotation gives."""
    for part in getattr(hint, "__metadata__", ()):
        if getattr(part, "alias", None):
            return part.alias
    inner = typing.get_args(hint)
    wrapped = typing.get_origin(hint) in (typing_extensions.Required, typing_extensions.NotRequired)
    return alias(inner[0]) if wrapped and inner else None


# ---- both together


class Walk:
    """Collects what the client knows and the table does not."""

    def __init__(self):
        self.missing, self.seen, self.compared = {}, set(), 0

    def miss(self, path, why):
        self.missing.setdefault(path, why)

    def value(self, kind, node, array=False):
        """All alternatives of a type at one place, or (array) as items of the array there."""
        if node.takes_all():
            return
        for part in flat(kind):
            if (part, node.path, array) in self.seen:
                continue
            self.seen.add((part, node.path, array))
            self.one(part, node, array)

    def one(self, part, node, array):
        if is_array(part):
            self.value((typing.get_args(part) or (typing.Any,))[0], node, array=True)
        elif is_object(part):
            self.object(part, node, array)
        elif is_map(part):
            self.map(part, node, array)
        elif (words := literals(part)) is not None:
            self.word(words, self.item(node) if array else node)
        elif array and not self.item(node).rows and not self.item(node).below:
            self.miss(f"{node.path}[]", "the client knows a list here, the table does not")
        else:
            self.compared += 1

    @staticmethod
    def item(node):
        return node.below.get("[]") or Node(f"{node.path}[]")

    def word(self, words, node):
        self.compared += 1
        if not node.rows and not node.below:
            self.miss(node.path, "the client knows it, the table does not")
        known = node.words()
        if known is not None:
            for word in sorted(words - known):
                self.miss(f"{node.path}={word}", "the client knows this word, the table does not")

    def map(self, part, node, array):
        place = self.item(node) if array else node
        values = (typing.get_args(part) or (str, typing.Any))[1]
        if "*" in place.below:
            self.value(values, place.below["*"])
        elif not place.takes_all() and not any(is_ == "counters" for is_, _ in place.rows):
            self.miss(f"{place.path}.*", "the client takes any keys here, the table does not")

    def object(self, part, node, array):
        for place, tags in self.places(part, node, array):
            if place.takes_all():
                continue
            for name, kind in fields(part).items():
                if name in tags:
                    continue
                self.compared += 1
                below = place.below.get(name)
                if below is not None:
                    self.value(kind, below)
                elif not (self.counts(kind) and any(is_ == "counters" for is_, _ in place.rows)):
                    path = f"{place.path}.{name}" if place.path else name
                    self.miss(path, "the client knows this field, the table does not")

    def counts(self, kind):
        """Whether it is numbers all the way down, which an object of counters takes under any key."""
        return all(
            part in (int, float, bool) or (is_object(part) and all(self.counts(k) for k in fields(part).values()))
            or (is_array(part) and all(self.counts(k) for k in typing.get_args(part)))
            for part in flat(kind)
        )

    def places(self, part, node, array, tags=frozenset()):
        """Where the fields of this object stand: in its variant's place, if variants are told apart here."""
        opening = "[" if array else "{"
        variants = {}
        for token, below in node.below.items():
            if token[0] == opening and "=" in token:
                key, word = token[1:-1].split("=", 1)
                variants.setdefault(key, {})[word] = below
        for key, known in variants.items():
            words = literals(fields(part)[key]) if key in fields(part) else None
            if words is None:
                continue
            for word in sorted(words):
                if word in known:
                    yield from self.places(part, known[word], False, tags | {key})
                elif not (array and self.item(node).takes_all()):
                    close = {"[": "]", "{": "}"}[opening]
                    self.miss(f"{node.path}{opening}{key}={word}{close}", "the client knows it, the table does not")
            return
        if not array:
            yield node, tags
        elif "[]" in node.below:
            yield from self.places(part, node.below["[]"], False, tags)
        else:
            self.miss(f"{node.path}[]", "the client knows a list of objects here, the table does not")


def union(*kinds):
    return typing.Union[kinds]


CASES = {
    "openai chat.completions prompt": (
        ("chat.completions", "prompt", False),
        union(
            completion_create_params.CompletionCreateParamsNonStreaming,
            completion_create_params.CompletionCreateParamsStreaming,
        ),
    ),
    "openai chat.completions answer": (("chat.completions", "answer", False), openai.types.chat.ChatCompletion),
    "openai chat.completions stream": (("chat.completions", "answer", True), openai.types.chat.ChatCompletionChunk),
    "anthropic messages prompt": (
        ("messages", "prompt", False),
        union(
            message_create_params.MessageCreateParamsNonStreaming, message_create_params.MessageCreateParamsStreaming
        ),
    ),
    "anthropic messages answer": (("messages", "answer", False), anthropic.types.Message),
    "anthropic messages stream": (("messages", "answer", True), anthropic.types.RawMessageStreamEvent),
    "anthropic count_tokens prompt": (
        ("messages.count_tokens", "prompt", False), message_count_tokens_params.MessageCountTokensParams,
    ),
    "anthropic count_tokens answer": (("messages.count_tokens", "answer", False), anthropic.types.MessageTokensCount),
    "anthropic beta messages prompt": (
        ("messages", "prompt", False),
        union(
            beta_message_create_params.MessageCreateParamsNonStreaming,
            beta_message_create_params.MessageCreateParamsStreaming,
        ),
    ),
    "anthropic beta messages answer": (("messages", "answer", False), anthropic.types.beta.BetaMessage),
    "anthropic beta messages stream": (
        ("messages", "answer", True), anthropic.types.beta.BetaRawMessageStreamEvent,
    ),
    "anthropic beta count_tokens prompt": (
        ("messages.count_tokens", "prompt", False), beta_message_count_tokens_params.MessageCountTokensParams,
    ),
    "anthropic beta count_tokens answer": (
        ("messages.count_tokens", "answer", False), anthropic.types.beta.BetaMessageTokensCount,
    ),
}


# How much there is to compare at the least: a walk that stops early must not pass.
LEAST = {
    ("chat.completions", "prompt", False): 250,
    ("chat.completions", "answer", False): 50,
    ("chat.completions", "answer", True): 45,
    ("messages", "prompt", False): 2000,
    ("messages", "answer", False): 250,
    ("messages", "answer", True): 300,
    ("messages.count_tokens", "prompt", False): 2000,
    ("messages.count_tokens", "answer", False): 1,
}


class Tables(unittest.TestCase):
    """One test for each operation, direction and form; one line for each thing that is missing."""

    maxDiff = None
    trees = None
    used = set()

    @classmethod
    def setUpClass(cls):
        Tables.trees = Tables.trees or tables()

    def check(self, name):
        key, kind = CASES[name]
        walk = Walk()
        walk.value(kind, self.trees[key])
        left = []
        for path, why in walk.missing.items():
            accepted = [pattern for pattern in ACCEPTED if re.fullmatch(pattern, f"{name}: {path}")]
            self.used.update(accepted)
            if not accepted:
                left.append(f"{name}: {path}: {why}")
        self.assertGreaterEqual(walk.compared, LEAST[key], "much less was compared than there is")
        self.assertEqual("", "\n".join(sorted(left)))

    def test_a_field_that_is_not_there_is_named(self):
        """The test itself finds what it is for."""

        class New(openai.types.chat.ChatCompletion):
            brand_new: str

        walk = Walk()
        walk.value(New, self.trees[("chat.completions", "answer", False)])
        self.assertIn("brand_new", walk.missing)

    def test_no_accepted_difference_is_idle(self):
        """What was accepted once and is no longer there has to leave the list."""
        for name in CASES:
            key, kind = CASES[name]
            walk = Walk()
            walk.value(kind, self.trees[key])
            for path in walk.missing:
                self.used.update(p for p in ACCEPTED if re.fullmatch(p, f"{name}: {path}"))
        self.assertEqual(set(), set(ACCEPTED) - self.used)


def fill():
    for name in CASES:
        setattr(Tables, f"test_{re.sub('[^a-z0-9]+', '_', name)}", lambda self, name=name: self.check(name))


fill()
