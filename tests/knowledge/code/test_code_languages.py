"""Telling languages by name and first line, and frameworks by imports."""

from __future__ import annotations

import pytest

from hybrid_coordinator.knowledge.code.frameworks import detect_framework
from hybrid_coordinator.knowledge.code.languages import TEXT, detect_language, known_languages


@pytest.mark.parametrize(
    ("path", "language", "grammar"),
    [
        ("src/a.py", "python", "python"),
        ("a.PYI", "python", "python"),
        ("a.tsx", "tsx", "tsx"),
        ("a.d.ts", "typescript", "typescript"),
        ("a.jsx", "javascript", "javascript"),
        ("include/a.h", "c", "cpp"),
        ("a.hpp", "cpp", "cpp"),
        ("Dockerfile", "dockerfile", "dockerfile"),
        ("Dockerfile.dev", "dockerfile", "dockerfile"),
        ("Makefile.am", "make", "make"),
        ("CMakeLists.txt", "cmake", "cmake"),
        ("requirements.txt", "text", None),
        ("Gemfile", "ruby", "ruby"),
        ("tsconfig.json", "jsonc", "jsonc"),
        (".bashrc", "bash", "bash"),
        ("a.html.j2", "jinja2", "jinja2"),
        ("nginx.conf.bak2", "ini", "ini"),
        ("README", "text", None),
        ("README.md", "markdown", None),
        ("go.mod", "gomod", None),
    ],
)
def test_by_name(path: str, language: str, grammar: str | None) -> None:
    found = detect_language(path)

    assert (found.name, found.grammar) == (language, grammar)


@pytest.mark.parametrize(
    ("first_line", "language"),
    [
        ("#!/usr/bin/env python3", "python"),
        ("#!/usr/bin/python3.12 -u", "python"),
        ("#!/usr/bin/env -S uv run --script", "python"),
        ("#!/bin/sh", "bash"),
        ("#! /usr/bin/env node", "javascript"),
        ("#!/usr/bin/perl -w", "perl"),
        ("#!/opt/own/thing", "text"),
        ("#!", "text"),
        ("python", "text"),
    ],
)
def test_by_first_line(first_line: str, language: str) -> None:
    assert detect_language("bin/run", first_line).name == language
    assert detect_language("run.lua", first_line).name == "lua"


def test_there_are_many_languages() -> None:
    names = {language.name for language in known_languages()}

    assert TEXT in known_languages()
    assert len(names) > 80


@pytest.mark.parametrize(
    ("language", "text", "framework"),
    [
        ("python", "import os\nfrom django.db import models\n", "django"),
        ("python", "from fastapi import FastAPI\nimport flask\n", "fastapi"),
        ("python", "def f():\n    import torch.nn as nn\n", "pytorch"),
        ("python", "import flaskless\nx = 'import flask'\n# import django\n", None),
        ("javascript", "const express = require('express')\n", "express"),
        ("typescript", 'import { Component } from "@angular/core";\n', "angular"),
        ("tsx", "import React from 'react'\n", "react"),
        ("javascript", 'import "./react/local"\n', None),
        ("vue", "<template></template>\n", "vue"),
        ("go", 'import (\n\t"fmt"\n\tg "github.com/gin-gonic/gin"\n)\n', "gin"),
        ("java", "import static org.springframework.web.Some.*;\n", "spring"),
        ("csharp", "using Microsoft.AspNetCore.Mvc;\n", "aspnet"),
        ("rust", "use std::io;\nuse axum::{Router};\n", "axum"),
        ("php", "<?php\nuse Illuminate\\Http\\Request;\n", "laravel"),
        ("ruby", "class A < ActiveRecord::Base\n", "rails"),
        ("elixir", "  use Phoenix.Controller\n", "phoenix"),
        ("c", "#include <stdio.h>\n", None),
        ("python", "", None),
    ],
)
def test_frameworks(language: str, text: str, framework: str | None) -> None:
    assert detect_framework(language, text) == framework
