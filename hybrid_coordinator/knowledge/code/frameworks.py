"""Which framework a file is written for, told by what it imports."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LOOKED_AT = 20_000
"""Characters from the start of a file in which imports stand."""

_IMPORTS: Mapping[str, re.Pattern[str]] = {
    language: re.compile(pattern, re.MULTILINE)
    for languages, pattern in {
        "python": r"^[ \t]*(?:from|import)[ \t]+([\w.]+)",
        "javascript typescript tsx vue svelte astro": (
            r"(?:\bfrom|\bimport|\brequire[ \t]*\()[ \t]*[\"']([^\"'\n]+)[\"']"
        ),
        "go": r"^[ \t]*(?:import[ \t]+)?(?:[\w.]+[ \t]+)?\"([\w./-]+)\"",
        "java kotlin scala groovy swift dart": (
            r"^[ \t]*import[ \t]+(?:static[ \t]+)?[\"']?(?:package:)?([\w./]+)"
        ),
        "csharp": r"^[ \t]*(?:global[ \t]+)?using[ \t]+(?:static[ \t]+)?([\w.]+)",
        "rust": r"^[ \t]*(?:pub[ \t]+)?use[ \t]+([\w:]+)",
        "php": r"^[ \t]*use[ \t]+([\w\\]+)",
        "ruby": r"^[ \t]*require[ \t(]+[\"']([\w/-]+)[\"']|<[ \t]*([A-Z]\w+::[\w:]+)",
        "elixir": r"^[ \t]*(?:use|import|alias)[ \t]+([\w.]+)",
    }.items()
    for language in languages.split()
}
_OF_LANGUAGE: Mapping[str, str] = {"vue": "vue", "svelte": "svelte", "astro": "astro"}

_FRAMEWORKS: Mapping[str, str] = {
    prefix: framework
    for framework, prefixes in {
        # Python
        "aiohttp": "aiohttp",
        "airflow": "airflow",
        "celery": "celery",
        "click": "click",
        "django": "django rest_framework",
        "fastapi": "fastapi",
        "flask": "flask flask_sqlalchemy flask_login",
        "jax": "jax flax",
        "keras": "keras",
        "pandas": "pandas",
        "pydantic": "pydantic pydantic_settings",
        "pyspark": "pyspark",
        "pytest": "pytest",
        "pytorch": "torch torchvision pytorch_lightning lightning",
        "scikit-learn": "sklearn",
        "scrapy": "scrapy",
        "sqlalchemy": "sqlalchemy sqlmodel",
        "starlette": "starlette",
        "streamlit": "streamlit",
        "tensorflow": "tensorflow",
        "tornado": "tornado",
        "transformers": "transformers",
        "typer": "typer",
        # JavaScript and TypeScript
        "angular": "@angular",
        "electron": "electron",
        "express": "express",
        "fastify": "fastify",
        "hono": "hono",
        "jest": "jest @jest",
        "koa": "koa",
        "nestjs": "@nestjs",
        "next": "next",
        "nuxt": "nuxt @nuxt",
        "playwright": "@playwright",
        "react": "react react-dom",
        "react-native": "react-native expo",
        "redux": "redux react-redux @reduxjs",
        "solid": "solid-js",
        "svelte": "svelte @sveltejs",
        "vitest": "vitest",
        "vue": "vue vuex vue-router pinia @vue",
        # Go
        "echo": "github.com/labstack/echo",
        "fiber": "github.com/gofiber/fiber",
        "gin": "github.com/gin-gonic/gin",
        "gorm": "gorm.io/gorm",
        "cobra": "github.com/spf13/cobra",
        # Java virtual machine, Swift, Dart
        "android": "android androidx",
        "akka": "akka",
        "flutter": "flutter",
        "hibernate": "org.hibernate",
        "junit": "org.junit junit",
        "ktor": "io.ktor",
        "micronaut": "io.micronaut",
        "quarkus": "io.quarkus",
        "spring": "org.springframework",
        "swiftui": "SwiftUI",
        "uikit": "UIKit",
        # .NET
        "aspnet": "Microsoft.AspNetCore",
        "entity-framework": "Microsoft.EntityFrameworkCore",
        "unity": "UnityEngine",
        "xunit": "Xunit",
        # Rust
        "actix": "actix_web",
        "axum": "axum",
        "bevy": "bevy",
        "clap": "clap",
        "rocket": "rocket",
        "tokio": "tokio",
        # PHP, Ruby, Elixir
        "laravel": "Illuminate Laravel",
        "phpunit": "PHPUnit",
        "symfony": "Symfony",
        "rails": "rails ActiveRecord ActionController ActiveJob ActionMailer",
        "rspec": "rspec",
        "sinatra": "sinatra Sinatra",
        "phoenix": "Phoenix",
    }.items()
    for prefix in prefixes.split()
}


def detect_framework(language: str, text: str) -> str | None:
    """The first framework that ``text`` imports, None where it imports none that is known."""
    if framework := _OF_LANGUAGE.get(language):
        return framework
    imports = _IMPORTS.get(language)
    if imports is None:
        return None
    for found in imports.finditer(text[:_LOOKED_AT]):
        if framework := _framework_of(found[found.lastindex or 0]):
            return framework
    return None


def _framework_of(module: str) -> str | None:
    """The framework whose prefix ends at one of the module path's separators."""
    if framework := _FRAMEWORKS.get(module):
        return framework
    for separator in re.finditer(r"[./\\]|::", module):
        if framework := _FRAMEWORKS.get(module[: separator.start()]):
            return framework
    return None
