"""A model's folder as Hugging Face reads it, and as it is read back here."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.inference import generate
from scalewright.models import Llama, load_model, save_model
from scalewright.models.hugging_face import shape_of_config


@pytest.fixture
def tokenizer_path(tmp_path):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: n for n, token in enumerate(["<|endoftext|>", *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    path = tmp_path / "bytes.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture
def model():
    torch.manual_seed(1)
    return Llama(LlamaFamily(vocabulary=257, context=64).shape(48)).eval()


def test_transformers_loads_it_with_the_same_logits_and_text(model, tokenizer_path, tmp_path):
    save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={"name": "é"})
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    prompt = tokenizer("def f(x):\n    é")["input_ids"]
    assert tokenizer.decode(prompt) == "def f(x):\n    é"
    tokens = torch.tensor([prompt])
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, rtol=0, atol=1e-4)
        their_text = theirs.generate(tokens, max_new_tokens=30, do_sample=False)[0, len(prompt) :].tolist()
    assert generate(model, prompt, 30) == their_text


def test_read_back(model, tokenizer_path, tmp_path):
    save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    again = load_model(tmp_path / "model")
    tokens = torch.randint(257, (1, 20))
    with torch.no_grad():
        assert torch.equal(again(tokens), model(tokens))


def test_a_head_and_a_half(tokenizer_path, tmp_path):
    model = Llama(LlamaFamily(vocabulary=257, context=64).shape(24)).eval()
    save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    again, theirs = load_model(tmp_path / "model"), AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    assert again.shape == model.shape
    tokens = torch.randint(257, (1, 20))
    with torch.no_grad():
        assert torch.equal(again(tokens), model(tokens))
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, rtol=0, atol=1e-4)


def test_heads_that_transformers_refuses_are_not_exported(tokenizer_path, tmp_path):
    model = Llama(LlamaFamily(vocabulary=257, context=64).shape(40))
    with pytest.raises(InputError, match="multiple of 16"):
        save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    assert not (tmp_path / "model").exists()


def test_what_transformers_writes_is_read(model, tokenizer_path, tmp_path):
    save_model(model, tmp_path / "ours", tokenizer=tokenizer_path, end_of_text=0, card={})
    AutoModelForCausalLM.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text())
    assert shape_of_config(config) == model.shape


def test_int8_folder_is_a_quarter(model, tokenizer_path, tmp_path):
    large = save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    small = save_model(model, tmp_path / "int8", tokenizer=tokenizer_path, end_of_text=0, card={}, bits=8)
    assert small.stat().st_size < 0.31 * large.stat().st_size
    tokens = torch.randint(257, (1, 20))
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path / "int8")(tokens), model(tokens), rtol=0.1, atol=0.05)


def test_missing_and_damaged_files_are_named(model, tokenizer_path, tmp_path):
    with pytest.raises(InputError, match=r"config\.json is missing"):
        load_model(tmp_path)
    path = save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        load_model(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "gpt2"}))
    with pytest.raises(InputError, match="gpt2"):
        load_model(tmp_path / "model")


def test_int8_is_read_back_here_and_refused_where_it_would_be_taken_for_weights(model, tokenizer_path, tmp_path):
    save_model(model, tmp_path / "int8", tokenizer=tokenizer_path, end_of_text=0, card={}, bits=8)
    tokens = torch.randint(257, (1, 20))
    with torch.no_grad():
        off = (load_model(tmp_path / "int8")(tokens) - model(tokens)).abs().max()
    assert 0 < off < 0.05 * model(tokens).abs().max()
    with pytest.raises(ValueError, match="scalewright_int8_llama"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "int8")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model_type": "llama"}'])
def test_a_damaged_configuration_is_named(model, tokenizer_path, tmp_path, text):
    save_model(model, tmp_path / "model", tokenizer=tokenizer_path, end_of_text=0, card={})
    (tmp_path / "model" / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        load_model(tmp_path / "model")
