import pytest

from resources.chat import chat_tokenizer, count_tokens
from resources.errors import UserError

from .training.conftest import TEMPLATE, build_base


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return chat_tokenizer(build_base(tmp_path_factory.mktemp("m") / "base"))


USER = [{"role": "user", "content": "2 + 2 ="}]
ANSWER = [{"role": "assistant", "content": "4"}]


def test_tokens_are_counted_with_the_template(tokenizer):
    text = "<|im_start|>user\n2 + 2 =<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.render(USER) == text
    plain = text.replace("<|im_start|>", "S").replace("<|im_end|>", "E")  # one token each, as every other byte is
    assert count_tokens(tokenizer, USER) == len(plain)


def test_an_example_is_split_where_the_answer_starts(tokenizer):
    [tokens] = tokenizer.examples([USER], [ANSWER])
    assert tokenizer.raw.decode(tokens.completion) == "4<|im_end|>\n"
    assert len(tokens) == len(tokens.prompt) + len(tokens.completion)
    assert len(tokens.prompt) == tokenizer.count(USER)
    assert tokenizer.examples([], []) == []


def test_examples_that_share_a_prompt_are_as_by_themselves(tokenizer):
    prompts = [USER, [{"role": "user", "content": "3 + 3 ="}], USER, USER]
    answers = [[{"role": "assistant", "content": text}] for text in ("4", "6", "four", "4")]
    together = tokenizer.examples(prompts, answers)
    assert together == [tokenizer.examples([p], [a])[0] for p, a in zip(prompts, answers, strict=True)]


def test_a_template_that_rewrites_the_prompt_is_refused_with_the_place(tmp_path):
    template = TEMPLATE.replace(
        "{{ message['role'] }}", "{{ message['role'] }}{% if messages|length > 1 %}!{% endif %}"
    )
    tokenizer = chat_tokenizer(build_base(tmp_path / "base", template=template))
    with pytest.raises(UserError, match=r"renders the prompt differently .* but '!"):
        tokenizer.examples([USER], [ANSWER])


def test_a_tokenizer_without_a_template_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no chat template") as caught:
        chat_tokenizer(build_base(tmp_path / "base", template=None))
    assert "chat_template.jinja" in caught.value.fix


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: no tokenizer can be loaded"):
        chat_tokenizer(tmp_path)
