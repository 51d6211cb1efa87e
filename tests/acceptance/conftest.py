"""The project that the acceptance tests work in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

INVOICE = '''"""Invoices: lines, totals, tax."""

from decimal import ROUND_HALF_EVEN, Decimal


def invoice_total(lines: list[tuple[int, Decimal]], tax_rate: Decimal) -> Decimal:
    """The amount due, rounded to cents with banker's rounding."""
    net = sum((quantity * price for quantity, price in lines), Decimal())
    return (net * (1 + tax_rate)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
'''
MAILER = '''"""Sending mail."""

import smtplib


def send_reminder(address: str, text: str) -> None:
    """Mail a payment reminder through the local relay."""
    with smtplib.SMTP("localhost") as relay:
        relay.sendmail("billing@example.org", [address], text)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with two modules."""
    root = tmp_path / "shop"
    for name, text in {"billing/invoice.py": INVOICE, "notify/mailer.py": MAILER}.items():
        file = root / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root
