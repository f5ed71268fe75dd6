"""How a conversation is written as one text: what stands around the turns of each role.

A template is four pairs of strings. `{eos}` in `end` is the end-of-text token of the tokenizer; a
special token of the tokenizer that is spelt out in a template is that token, one in what somebody
says is plain text.
"""

import json
from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
EOS = "{eos}"


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands around a turn that the model only reads."""

    before: str
    after: str = ""


class AssistantTurn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands around a turn that the model learns to write.

    before: also what a prompt ends with. end: says that the turn is over, and is learnt, too.
    after: what stands between this turn and the next.
    """

    before: str
    end: str = EOS
    after: str = ""


class ChatTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One for all conversations that a model sees. start: stands before the first turn.

    A conversation ends with its last turn, or with the `end` of it if that is the assistant's;
    where that is not the end-of-text token, one follows (a target if the assistant spoke last).
    """

    name: str = ""
    start: str = ""
    system: Turn
    user: Turn
    assistant: AssistantTurn
    tool: Turn

    def jinja(self) -> str:
        """The same as the chat_template of a tokenizer_config.json, which uses eos_token.

        `{% generation %}` is around what is learnt (transformers: return_assistant_tokens_mask).
        """
        branches = []
        for role in ROLES:
            turn = getattr(self, role)
            start, content = _literal(turn.before), "{{ message['content'] }}"
            if isinstance(turn, AssistantTurn):
                said = f"{content}{_literal(turn.end)}"
                inner = f"{start}{{% generation %}}{said}{{% endgeneration %}}"
                inner += f"{{% if not loop.last %}}{_literal(turn.after)}{{% endif %}}"
            else:
                inner = f"{start}{content}{_literal(turn.after)}"
            branches.append(f"if message['role'] == '{role}' %}}{inner}")
        turns = "{% el".join(branches)
        prompt = _literal(self.assistant.before)
        return (
            f"{_literal(self.start)}{{% for message in messages %}}{{% {turns}{{% endif %}}"
            f"{{% endfor %}}{{% if add_generation_prompt %}}{prompt}{{% endif %}}"
        )


def _literal(text: str) -> str:
    """An expression of Jinja that writes the text, with eos_token for {eos}."""
    parts = [json.dumps(part, ensure_ascii=False) for part in text.split(EOS)]
    joined = " + eos_token + ".join(parts)
    return f"{{{{ {joined} }}}}" if text else ""


TULU = ChatTemplate(
    name="tulu",
    system=Turn("<|system|>\n", "\n"),
    user=Turn("<|user|>\n", "\n"),
    assistant=AssistantTurn("<|assistant|>\n", EOS, "\n"),
    tool=Turn("<|tool|>\n", "\n"),
)
"""Of Tulu and OLMo-Instruct (Ivison et al. 2023, open-instruct); `tool` is ours."""

CHATML = ChatTemplate(
    name="chatml",
    system=Turn("<|im_start|>system\n", "<|im_end|>\n"),
    user=Turn("<|im_start|>user\n", "<|im_end|>\n"),
    assistant=AssistantTurn("<|im_start|>assistant\n", "<|im_end|>", "\n"),
    tool=Turn("<|im_start|>tool\n", "<|im_end|>\n"),
)
"""ChatML (OpenAI 2023), as Qwen has it."""

TEMPLATES = {template.name: template for template in (TULU, CHATML)}
