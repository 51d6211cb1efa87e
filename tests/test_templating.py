"""The template files: each is whole, and a changed text has a new version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.templating import read_template, templates, voices

PUBLISHED = {
    "architecture": (1, "e229b038"),
    "code-analysis": (1, "706e238a"),
    "content": (1, "9a7124c3"),
    "debugging": (1, "c6978b62"),
    "documentation": (1, "fb81ad75"),
    "refactoring": (1, "797687ec"),
}
"""Who follows a template must see that it changed: raise ``version``, then write both here."""

GOOD = """name: fix
version: 1
title: Fix
description: Fixes
task_type: debugging
arguments:
  - {name: what, description: what to fix}
text: Fix {{what}}.
"""


def test_a_changed_text_has_a_new_version():
    assert {
        each.name: (each.version, hashlib.sha256(each.text.encode()).hexdigest()[:8])
        for each in templates()
    } == PUBLISHED


@pytest.mark.parametrize("template", templates(), ids=lambda template: template.name)
def test_every_template_fits_a_small_model_and_renders(template):
    least = {each.name: "this" for each in template.arguments if each.required}
    assert len(least) == 1, "what is typed behind a command becomes the first argument"
    assert template.arguments[0].required
    assert estimate_tokens(template.render(least)) < 500
    everything = template.render({each.name: f"<{each.name}>" for each in template.arguments})
    assert all(f"<{each.name}>" in everything for each in template.arguments)


def test_every_task_type_has_three_voices():
    for kind in TaskType:
        assert sum(kind in voice.task_types for voice in voices()) >= 3, kind


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: fix", "name: fixes", "name: fixes is not the name of its file"),
        ("version: 1", "version: 0", "version: "),
        ("task_type: debugging", "task_type: magic", "task_type: "),
        ("title: Fix", "titel: Fix", "title: Field required"),
        ("Fix {{what}}", "Fix {{that}}", "arguments: what, but the text names that"),
        ("Fix {{what}}", "Fix it", "arguments: what, but the text names "),
        ("text: Fix", "text: [Fix", "while parsing"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(tmp_path: Path, old, new, says):
    path = tmp_path / "fix.yaml"
    path.write_text(GOOD)
    assert read_template(path).render({"what": "it"}) == "Fix it."
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(StorageError) as caught:
        read_template(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
