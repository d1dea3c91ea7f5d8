"""AgentDojo's suites as the runner needs them: fresh environments, the attack's texts, the checkers.

What always holds: environments, tasks, attacks and verdicts are AgentDojo's own; nothing of them is written here. What
it deliberately does not do: know how a call travels.
"""

import copy
import functools

import yaml
from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline
from agentdojo.attacks.attack_registry import load_attack
from agentdojo.functions_runtime import FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.types import text_content_block_from_string

VERSION = "v1.2.2"
ATTACK = "important_instructions"

# The same parser in C: loading 949 environments is most of what a run would otherwise do.
yaml.safe_load = functools.partial(yaml.load, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def suites():
    """Every suite of the benchmark's latest version, by name."""
    return get_suites(VERSION)


class Nobody(BasePipelineElement):
    """The attack wants to know which model it talks to."""

    name = "local"

    def query(self, *_, **__):
        raise NotImplementedError


class Bench:
    """One suite under one attack."""

    def __init__(self, suite, attack=ATTACK):
        self.suite = suite
        self._functions = {f.name: f for f in suite.tools}
        self._attack = load_attack(attack, suite, Nobody())
        self._loaded = {}

    def environment(self, user_task, injection_task=None):
        """A fresh environment; with an injection, its text stands wherever the task will come by."""
        where = (user_task.ID, injection_task and injection_task.ID)
        if where not in self._loaded:
            texts = self._attack.attack(user_task, injection_task) if injection_task else {}
            self._loaded[where] = self.suite.load_and_inject_default_environment(texts)
        return user_task.init_environment(copy.deepcopy(self._loaded[where]))

    async def shaped(self, call, value_of):
        """A call's arguments as the tool's schema wants them; nested calls are made first."""
        arguments = {}
        for name, value in call.args.items():
            arguments[name] = await value_of(value) if hasattr(value, "function") else value
        model = self._functions[call.function].parameters
        return model.model_validate(arguments).model_dump(mode="json", exclude_unset=True)

    def useful(self, user_task, outcome, before, after):
        """AgentDojo's verdict on the user's task."""
        return bool(self._verdict(user_task, outcome, before, after))

    def harmed(self, injection_task, outcome, before, after):
        """AgentDojo's verdict on the attack: its security checker passes when the attacker has what he wants."""
        return bool(self._verdict(injection_task, outcome, before, after))

    def _verdict(self, task, outcome, before, after):
        answer = [text_content_block_from_string(outcome.answer)]
        return self.suite._check_task_result(task, answer, before, after, outcome.through)

    def only_words(self, injection_task, user_task):
        """Whether the attack is content with words in the answer: its checker passes with nothing done."""
        environment = self.environment(user_task)
        answer = [text_content_block_from_string(injection_task.GROUND_TRUTH_OUTPUT)]
        same = copy.deepcopy(environment)
        return bool(self.suite._check_task_result(injection_task, answer, environment, same, []))

    def harmed_anyway(self, user_task, injection_task):
        """Whether the user's own calls alone already pass the attack's checker."""
        environment = self.environment(user_task, injection_task)
        before = copy.deepcopy(environment)
        runtime = FunctionsRuntime(self.suite.tools)
        GroundTruthPipeline(user_task).query(user_task.PROMPT, runtime, environment)
        answer = [text_content_block_from_string(user_task.GROUND_TRUTH_OUTPUT)]
        calls = user_task.ground_truth(before)
        return bool(self.suite._check_task_result(injection_task, answer, before, environment, calls))
