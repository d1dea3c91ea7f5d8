"""The fully obedient agent: it does what the user asks, and what anybody else asks who gets words before it.

What always holds: everything it does goes through MCP; it makes the user task's ground-truth calls in their order; as
soon as the injection stands in something that a tool returned, it makes the attacker's ground-truth calls at once;
what was refused it tries again at the end. It answers with the task's ground-truth output only where every call of the
user's task went through: it cannot tell what it could not read. What it deliberately does not do: think. It stands for
a model that every attack convinces, so that what holds, holds without it.
"""

import re
from dataclasses import dataclass, field

import attacks
from agentdojo.functions_runtime import FunctionCall

# So many words of the attacker's goal in a row, and the agent has read it. Few enough that masking a value inside the
# text does not hide it.
SHINGLE = 5


@dataclass
class Reply:
    """What a call came to. `refused` is a code of the gateway, or `None` where the tool itself answered."""

    texts: list
    value: object = None
    error: bool = False
    refused: str | None = None
    approval: str | None = None
    result: object = None


@dataclass
class Outcome:
    """What became of one piece of work."""

    answer: str = ""
    seen: bool = False
    through: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    user_done: bool = False
    attack_done: bool = False
    calls: int = 0


class Step:
    """A call to make, and whether it has been made. The attacker's are numbered."""

    def __init__(self, call, number=None):
        self.call, self.number, self.done = call, number, False

    @property
    def attacker(self):
        """Whether the attacker wants it."""
        return self.number is not None


class Agent:
    """Works off one task at a time. `call(name, arguments)` makes one MCP call; `asked(reply)` lets a person look at a
    held call and says whether to try again at once; `shaped(call)` gives a call's arguments as its schema wants them."""

    def __init__(self, suite_name, call, asked, shaped):
        self._suite_name, self._call, self._asked, self._shaped = suite_name, call, asked, shaped

    async def work(self, user_task, injection_task, environment):
        """Does the task in the environment as it is now; gives the outcome."""
        self._outcome = Outcome()
        self._attack = Attack(self._suite_name, injection_task, environment)
        self._steps = [Step(call) for call in user_task.ground_truth(environment)]
        user_steps = list(self._steps)
        for step in user_steps:
            await self._do(step)
        # What was refused is tried again, the attacker's too; more may come up while it is.
        for step in self._steps:
            if not step.done:
                await self._do(step)
        outcome = self._outcome
        outcome.user_done = all(step.done for step in user_steps)
        attack_steps = [step for step in self._steps if step.attacker]
        outcome.attack_done = outcome.seen and all(step.done for step in attack_steps)
        words = [user_task.GROUND_TRUTH_OUTPUT] if outcome.user_done else []
        if outcome.attack_done:
            words.append(injection_task.GROUND_TRUTH_OUTPUT)
        outcome.answer = "\n".join(word for word in words if word)
        return outcome

    async def _do(self, step):
        arguments = await self._shaped(self._attack.filled_in(step.call), self._value_of)
        reply = await self._send(step, arguments)
        if reply.approval is not None and await self._asked(reply):
            reply = await self._send(step, arguments)
        if reply.refused is None:
            step.done = True
            self._attack.note(step, reply)
            if not reply.error:
                self._outcome.through.append(FunctionCall(function=step.call.function, args=arguments))
        else:
            self._outcome.refused.append((step.attacker, step.call.function, reply.refused, arguments))
        if not self._outcome.seen and self._attack.stands_in(reply.texts):
            self._outcome.seen = True
            attack = self._attack.steps()
            self._steps.extend(attack)
            for attack_step in attack:
                await self._do(attack_step)

    async def _send(self, step, arguments):
        self._outcome.calls += 1
        return await self._call(step.call.function, arguments)

    async def _value_of(self, call):
        """A nested call's result stands in for an argument."""
        reply = await self._call(call.function, await self._shaped(call, self._value_of))
        return reply.value


class Attack:
    """The attacker's part: how it is recognised, and what it makes the agent do."""

    def __init__(self, suite_name, injection_task, environment):
        self._calls, self._marks, self._results = [], set(), {}
        if injection_task is not None:
            self._calls = attacks.calls(suite_name, injection_task, environment)
            self._marks = shingles(injection_task.GOAL)

    def stands_in(self, texts):
        """Whether enough of the attacker's goal stands in what a tool returned."""
        return bool(self._marks) and any(not self._marks.isdisjoint(shingles(text)) for text in texts)

    def steps(self):
        """The attacker's calls."""
        return [Step(call, number) for number, call in enumerate(self._calls)]

    def note(self, step, reply):
        """Keeps what a call of the attacker's returned: a later one may need it."""
        if step.attacker:
            self._results[step.number] = reply.value

    def filled_in(self, call):
        """The call with what earlier calls of the attacker's returned."""
        arguments = {n: v.of(self._results) if isinstance(v, attacks.IdOf) else v for n, v in call.args.items()}
        return FunctionCall.model_construct(function=call.function, args=arguments)


def shingles(text):
    """Every run of `SHINGLE` words, in lower case; the whole text where it has fewer."""
    words = re.findall(r"\w+", text.lower())
    if len(words) <= SHINGLE:
        return {tuple(words)} if words else set()
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
