"""Sources in functional languages, schemas and build files, and what is defined in them."""

from __future__ import annotations

# By file name: a source, and a row for each thing that it defines: the line of its signature, its
# kind, its symbol, and after "<" what it belongs to.
OUTLINES: dict[str, tuple[str, str]] = {
    "a.clj": (
        """\
(ns a.b)
; d
(defn ^:private f "doc" [x] x)
(def x 1)
(defprotocol P (m [this]))
(defmulti q :a)
(defmethod q :b [x] 1)
(defrecord R [a])
""",
        """
            1 module a.b < a
            3 function f
            4 variable x
            5 interface P
            6 function q
            7 function q
            8 class R
        """,
    ),
    "a.css": (
        """\
/* d */
.a, .b > c { color: red }
@media (max-width: 1px) { .z { a: b } }
@keyframes k { from { a: b } }
:root { --x: 1 }
""",
        """
            2 block .a
            4 block k
            5 block :root
        """,
    ),
    "a.erl": (
        """\
%% doc
-module(a).
-export([f/1]).
-record(r, {a, b}).
-define(M(X), X).
-type t() :: integer().
%% @doc x
-spec f(t()) -> t().
f(0) -> 1;
f(N) -> N.
g() -> 1.
""",
        """
            2 module a
            4 class a.r < a
            5 macro a.M < a
            6 type a.t < a
            8 function a.f < a
            9 function a.f < a
            10 function a.f < a
            11 function a.g < a
        """,
    ),
    "a.ex": (
        r'''
defmodule A.B do
  @moduledoc "x"
  use X

  @type t :: integer
  @timeout 50

  @doc """
  Gives d.
  """
  @spec f(integer) :: t
  def f(1), do: 1
  def f(x) when x > 1 do
   2
  end

  defmacro m(x) do
  end
  defstruct [:a]
  @callback cb(x :: t) :: t
  def a <> b, do: 1
  defimpl String.Chars, for: A do
    def to_string(x), do: x
  end
  defp g(x \\ 1), do: x
end
'''[1:],
        """
            1 module A.B < A
            5 type A.B.t < A.B
            12 function A.B.f < A.B
            13 function A.B.f < A.B
            17 macro A.B.m < A.B
            20 function A.B.cb < A.B
            21 function A.B.<> < A.B
            22 class A.B.String.Chars < A.B
            23 method A.B.String.Chars.to_string < A.B.String.Chars
            25 function A.B.g < A.B
        """,
    ),
    "a.graphql": (
        '''\
"""d"""
type A implements B { a(x: Int): Int! }
enum E { A }
input I { a: Int }
interface IF { a: Int }
union U = A | B
extend type A { z: Int }
query Q($a: Int) { a }
fragment F on A { a }
directive @d on FIELD
''',
        """
            2 type A
            2 variable A.a < A
            3 enum E
            4 type I
            5 interface IF
            5 variable IF.a < IF
            6 type U
            7 type A
            7 variable A.z < A
            8 block Q
            9 block F
            10 macro d
        """,
    ),
    "a.hs": (
        """\
module A.B (f) where
import X

-- | Gives f.
f :: Int -> Int
f 0 = 1
f n = n * f (n-1)

-- | Data.
data T a = A { x :: a } | B deriving Show
newtype N = N Int
type S = String
class C a where
  m :: a -> Int
  m _ = 1
instance C Int where
  m x = x
(<+>) :: Int -> Int -> Int
a <+> b = a
x :: Int
x = 1
""",
        """
            5 function f
            6 function f
            7 function f
            10 type T
            11 type N
            12 type S
            13 class C
            14 method C.m < C
            15 method C.m < C
            16 class C
            17 method C.m < C
            18 function <+>
            19 function <+>
            20 function x
            21 function x
        """,
    ),
    "a.ml": (
        """\
(** Doc *)
module M = struct
 let f x = x
 type t = A | B
end
module type S = sig
 val f : int -> int
end
let rec g x = 1
and h y = 2
let v = 1
type r = { a : int }
exception E
class c = object method m = 1 end
let () = 1
let k = fun x -> x
external e : int -> int = "e"
""",
        """
            2 module M
            3 function M.f < M
            4 type M.t < M
            6 interface S
            7 method S.f < S
            9 function g
            10 function h
            11 variable v
            12 type r
            14 class c
            16 function k
            17 function e
        """,
    ),
    "a.proto": (
        """\
syntax = "proto3";
package a.b;
// d
message M {
 string a = 1;
 message N { int32 x = 1; }
 enum E { A = 0; }
 oneof o { int32 z = 2; }
}
service S {
 rpc F (M) returns (M) {}
}
""",
        """
            4 class M
            6 class M.N < M
            7 enum M.E < M
            10 class S
            11 method S.F < S
        """,
    ),
    "a.scss": (
        """\
$a: 1;
// d
@mixin m($x) { a: b }
@function f($x) { @return 1; }
.a { &:hover { a: b } @include m(1); }
""",
        """
            3 macro m
            4 function f
            5 block .a
        """,
    ),
    "a.sql": (
        """\
-- d
CREATE TABLE IF NOT EXISTS a.b (id int);
CREATE OR REPLACE FUNCTION f(x int) RETURNS int AS $$ select 1 $$ LANGUAGE sql;
CREATE INDEX i ON a(b);
CREATE TYPE t AS ENUM ("a");
ALTER TABLE a ADD b int;
CREATE VIEW v AS SELECT 1;
""",
        """
            2 table a.b < a
            3 function f
            5 type t
            7 table v
        """,
    ),
    "a.tf": (
        """\
resource "a" "b" {
 x = 1
}
locals { a = 1 }
""",
        """
            1 block resource.a.b < resource.a
            4 block locals
        """,
    ),
    "CMakeLists.txt": (
        """\
# d
function(f a)
 x()
endfunction()
macro(m)
endmacro()
set(X 1)
add_library(l a.c)
""",
        """
            2 function f
            5 macro m
        """,
    ),
    "Dockerfile": (
        """\
FROM a AS b
RUN x
# d
FROM c
COPY a b
""",
        """
            1 block a
            4 block c
        """,
    ),
    "Makefile": (
        """\
X := 1
# d
all: a b
	echo
%.o: %.c
	cc
define F
 a
endef
.PHONY: all
""",
        """
            1 variable X
            3 block all
            5 block %.o < %
            7 macro F
        """,
    ),
}
