"""Subjects that rules may ask for: security, performance, architecture."""

from __future__ import annotations

import re

_SUBJECTS = {
    "security": re.compile(
        r"\b(?:secur\w*|vulnerab\w*|exploit\w*|csrf|xss|injection|authenticat\w*|authoriz\w*"
        r"|oauth\d?|jwt|encrypt\w*|decrypt\w*|passwords?|secrets?|cve-\d+|sandbox\w*|sicherheit\w*"
        r"|segur\w*|sécurit\w*|безопасн\w*|уязвим\w*)\b|安全|漏洞|セキュリティ|보안"
    ),
    "performance": re.compile(
        r"\b(?:perform(?:ance|ant)|optimi[sz]\w*|slow\w*|faster|speed(?: up)?|latency|throughput"
        r"|bottleneck\w*|profil(?:e|er|ing)|benchmark\w*|memory (?:leak|usage)|leistung\w*"
        r"|rendimiento|desempenho|производительн\w*|оптимиз\w*)\b|性能|优化|パフォーマンス|성능"
    ),
    "architecture": re.compile(
        r"\b(?:architect\w*|system design|microservices?|event[- ]driven|monolith\w*|multi-tenant"
        r"|distributed|scalab\w*|design patterns?|domain[- ]driven|arquitectura|arquitetura"
        r"|architektur\w*|архитектур\w*)\b|架构|アーキテクチャ|아키텍처"
    ),
}


def keywords(request: str) -> frozenset[str]:
    """The subjects that the words of a request name."""
    lower = request.lower()
    return frozenset(name for name, words in _SUBJECTS.items() if words.search(lower))
