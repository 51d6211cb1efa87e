"""Sources in many languages, and the chunks that they are made of."""

from __future__ import annotations

PYTHON = '''\
"""Reading and writing."""

import os
from dataclasses import dataclass

LIMIT = 10
NAMES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
OTHERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}


# What holds it all.
@dataclass
class Store(Base):
    """Keeps things.

    For as long as there is a disk under it, and a little longer where there is a battery: that
    depends on who built it. Here is some more text that makes the class longer than one chunk.
    A chunk has at most 1,500 characters, so that three of them are what an agent can take in
    with a question, and a class that has more is cut between its methods, as this one shall be.
    """

    path: str
    count: int = 0

    def load(self) -> list[str]:
        """Read what was kept.

        Everything, in the order in which it was kept, which need not be the order in which it
        came: see ``save``. An empty store gives an empty list, as does one that is not there.
        Lines that begin with a number sign are left out, and so are those with nothing on them,
        since neither was put there by ``save``: people write them when they look at the file.
        """
        if not os.path.exists(self.path):
            return []
        with open(self.path) as stream:
            return [line.rstrip() for line in stream if line.strip() and not line.startswith("#")]

    async def save(self, things: list[str]) -> None:
        for thing in things[:LIMIT]:
            self.count += 1
            with open(self.path, "a") as stream:
                stream.write(thing + "\\n")
        if self.count > LIMIT:
            raise ValueError("There is no place for more than that; make some, and come again.")


def main() -> None:
    # Runs it.
    store = Store("somewhere")
    for name in NAMES:
        print(name, store.load(), "and some words that make the line long enough to count")
    print("done", OTHERS, "and some more words, so that this function is not a small one either")
'''

Expected = list[tuple[str, str | None]]

# By language: a file name, its text, and the (kind, symbol) of its chunks. FILL stands for a run
# of letters that makes a definition long enough to be a chunk of its own.
DEFINED: dict[str, tuple[str, str, Expected]] = {
    "javascript": (
        "a.mjs",
        """\
// Says hello.
export default class Greeter {
  greet() { return "FILL"; }
}

export const shout = async (word) => {
  return "FILL";
};

module.exports.whisper = function () {
  return "FILL";
};

function* count() {
  yield "FILL";
}
""",
        [
            ("class", "Greeter"),
            ("function", "shout"),
            ("function", "whisper"),
            ("function", "count"),
        ],
    ),
    "typescript": (
        "a.ts",
        """\
export interface Shape {
  area: "FILL";
}

namespace Space {
  export abstract class Point<T> {
    x(): string { return "FILL"; }
  }
  export enum Axis { X = "FILL" }
}

export type Name = "FILL";
""",
        [
            ("interface", "Shape"),
            ("class", "Space.Point"),
            ("enum", "Space.Axis"),
            ("type", "Name"),
        ],
    ),
    "go": (
        "a.go",
        """\
package a

// Get gets.
func Get() string {
	return "FILL"
}

func (s *Server) Close() string {
	return "FILL"
}

type Server struct {
	name string `FILL`
}
""",
        [("function", "Get"), ("method", "Server.Close"), ("type", "Server")],
    ),
    "rust": (
        "a.rs",
        """\
/// A thing: FILL.
#[derive(Debug)]
pub struct Thing {
    a: i32,
}

impl<T> From<T> for Thing {
    fn from(_: T) -> Self { panic!("FILL") }
}

pub fn make() -> String {
    "FILL".into()
}
""",
        [("class", "Thing"), ("function", "make")],
    ),
    "java": (
        "A.java",
        """\
package a.b;

/** Adds: FILL. */
@Service
public class Adder {
    int add() { return 1; }
}

interface Shape {
    String NAME = "FILL";
}
""",
        [("class", "Adder"), ("interface", "Shape")],
    ),
    "c": (
        "a.c",
        """\
/* Copies: FILL. */
static char *copy(const char *from) {
    return 0;
}

struct node {
    int value; // FILL
};

typedef struct {
    int x; // FILL
} point;
""",
        [("function", "copy"), ("class", "node"), ("type", "point")],
    ),
    "cpp": (
        "a.cpp",
        """\
namespace shop {
template <class T>
class Cart {
    void add(); // FILL
};
}

int shop::Cart::add() {
    return sizeof("FILL");
}
""",
        [("class", "shop.Cart"), ("method", "shop.Cart.add")],
    ),
    "ruby": (
        "a.rb",
        """\
module Shop
  class Cart
    def add
      "FILL"
    end
  end

  def self.open
    "FILL"
  end
end
""",
        [("class", "Shop.Cart"), ("method", "Shop.open")],
    ),
    "kotlin": (
        "a.kt",
        """\
package a

class Cart(val name: String) {
    fun add(): String {
        return "FILL"
    }
}

fun open(): String {
    return "FILL"
}
""",
        [("class", "Cart"), ("function", "open")],
    ),
    "swift": (
        "a.swift",
        """\
class Cart {
    func add() -> String {
        return "FILL"
    }
}

protocol Shape {
    func area() // FILL
}

func open() -> String {
    return "FILL"
}
""",
        [("class", "Cart"), ("interface", "Shape"), ("function", "open")],
    ),
    "php": (
        "a.php",
        """\
<?php

class Cart {
    function add() { return "FILL"; }
}

function open() {
    return "FILL";
}
""",
        [("class", "Cart"), ("function", "open")],
    ),
    "csharp": (
        "a.cs",
        """\
namespace Shop.Carts
{
    public class Cart
    {
        public string Add() { return "FILL"; }
    }

    public record Line(string Name = "FILL");
}
""",
        [("class", "Shop.Carts.Cart"), ("class", "Shop.Carts.Line")],
    ),
    "scala": (
        "a.scala",
        """\
object Cart {
  def add(): String = "FILL"
}

trait Shape {
  def area: String = "FILL"
}
""",
        [("class", "Cart"), ("interface", "Shape")],
    ),
    "elixir": (
        "a.ex",
        """\
defmodule Shop.Cart do
  def add(x) do
    "FILL"
  end

  defp check(x), do: "FILL"
end
""",
        [("function", "Shop.Cart.add"), ("function", "Shop.Cart.check")],
    ),
    "lua": (
        "a.lua",
        """\
local function add()
  return "FILL"
end

function Cart:check()
  return "FILL"
end

Cart.open = function()
  return "FILL"
end
""",
        [("function", "add"), ("method", "Cart.check"), ("method", "Cart.open")],
    ),
    "bash": (
        "a.sh",
        """\
# Starts it: FILL.
start() {
  echo 1
}

function stop {
  echo "FILL"
}
""",
        [("function", "start"), ("function", "stop")],
    ),
    "sql": (
        "a.sql",
        """\
CREATE TABLE carts (
    id int DEFAULT 'FILL'
);

CREATE VIEW open_carts AS SELECT 'FILL';
""",
        [("table", "carts"), ("table", "open_carts")],
    ),
    "hcl": (
        "a.tf",
        """\
resource "aws_instance" "web" {
  ami = "FILL"
}

variable "region" {
  default = "FILL"
}
""",
        [("block", "resource.aws_instance.web"), ("block", "variable.region")],
    ),
    "clojure": (
        "a.clj",
        """\
(ns shop.cart)

(defn add [x]
  "FILL")

(defmacro check [x]
  "FILL")
""",
        [("function", "add"), ("macro", "check")],
    ),
    "r": (
        "a.R",
        """\
add <- function(x) {
  "FILL"
}

check <- function(x) {
  "FILL"
}
""",
        [("function", "add"), ("function", "check")],
    ),
    "zig": (
        "a.zig",
        """\
const Cart = struct {
    // FILL
    items: u32,
};

pub fn add() []const u8 {
    return "FILL";
}
""",
        [("class", "Cart"), ("function", "add")],
    ),
    "proto": (
        "a.proto",
        """\
syntax = "proto3";

message Cart {
  // FILL
  string name = 1;
}

service Shop {
  // FILL
  rpc Add (Cart) returns (Cart);
}
""",
        [("class", "Cart"), ("class", "Shop")],
    ),
    "toml": (
        "a.toml",
        """\
[tool.one]
a = "FILL"

[[tool.two]]
b = "FILL"
""",
        [("block", "tool.one"), ("block", "tool.two")],
    ),
    "yaml": (
        "a.yml",
        """\
# The first: FILL.
one:
  a: 1
"two":
  - b: "FILL"
""",
        [("block", "one"), ("block", "two")],
    ),
    "make": (
        "Makefile",
        """\
build: one
	echo "FILL"

test: two
	echo "FILL"
""",
        [("block", "build"), ("block", "test")],
    ),
}

# A language of the grammar of YAML, which is used for none: it writes past a buffer of its own on
# the text below. As a process that is started with it on its path has it.
ONE_MORE_LANGUAGE = """
from hybrid_coordinator.knowledge.code import languages
languages._BY_NAME[".fatal"] = languages.Language("fatal", "yaml")
"""
FATAL = f"{'- ' * 900}\n" * 3
