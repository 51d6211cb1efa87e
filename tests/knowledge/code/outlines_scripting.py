"""Sources in scripting languages, and what is defined in them."""

from __future__ import annotations

# By file name: a source, and a row for each thing that it defines: the line of its signature, its
# kind, its symbol, and after "<" what it belongs to.
OUTLINES: dict[str, tuple[str, str]] = {
    "a.R": (
        """\
# d
f <- function(x) 1
g = function() 1
X <- 5
""",
        """
            2 function f
            3 function g
            4 variable X
        """,
    ),
    "a.js": (
        """\
// Says hello.
export default class Greeter {
  static count = 0;
  #name = "x";
  greet() {}
  static of = () => new Greeter();
}
const a = 1,
  b = () => 2;
export const Card = memo(forwardRef);
const Button = React.memo(function Button() {
  return 1;
});
exports.open = function () {};
module.exports.close = async () => {};
Cart.prototype.add = function (item) {};
const api = {
  get() {},
  put: () => 1,
  url: "x",
};
function* items() {}
var old = function () {};
""",
        """
            2 class Greeter
            3 variable Greeter.count < Greeter
            5 method Greeter.greet < Greeter
            6 method Greeter.of < Greeter
            8 variable a
            9 function b
            10 variable Card
            11 function Button
            14 function open
            15 function close
            16 method Cart.add < Cart
            17 variable api
            18 method api.get < api
            19 method api.put < api
            22 function items
            23 function old
        """,
    ),
    "a.jl": (
        '''\
module A
struct S{T}
 a::Int
end
f(x) = 1
function g(x::T) where T
end
macro m(x)
end
const C = 1
abstract type Q end
Base.show(io, x) = 1
"""doc"""
function h end
end
''',
        """
            1 module A
            2 class A.S < A
            5 function A.f < A
            6 function A.g < A
            8 macro A.m < A
            10 variable A.C < A
            11 type A.Q < A
            12 method A.Base.show < A
            14 function A.h < A
        """,
    ),
    "a.lua": (
        """\
local M = {}
local X = 1
--- Doc
-- @param a
function M.x(a) end
function M:y() end
M.z = function() end
local function l() end
local t = {
 a = function() end,
 b = 1 }
return M
""",
        """
            1 variable M
            2 variable X
            5 method M.x < M
            6 method M.y < M
            7 method M.z < M
            8 function l
            9 variable t
            10 method t.a < t
        """,
    ),
    "a.php": (
        r"""
<?php
/** File */
namespace A\B;

use X\Y;

const Z = 1;
/** d */
#[Attr]
final class X extends Y {
 use T;
 const C = 1;
 private ?int $p = 1;
 /** ctor */
 public function __construct(private int $a) {}
 abstract function m();
}
function f() {}
interface I {}
trait T { function q() {} }
enum E: string { case A = "a"; }
$x = function() {};
"""[1:],
        """
            3 module A.B < A
            7 variable A.B.Z < A.B
            10 class A.B.X < A.B
            12 variable A.B.X.C < A.B.X
            13 variable A.B.X.p < A.B.X
            15 method A.B.X.__construct < A.B.X
            16 method A.B.X.m < A.B.X
            18 function A.B.f < A.B
            19 interface A.B.I < A.B
            20 interface A.B.T < A.B
            20 method A.B.T.q < A.B.T
            21 enum A.B.E < A.B
            21 variable A.B.E.A < A.B.E
            22 function A.B.x < A.B
        """,
    ),
    "a.pl": (
        """\
package A::B;
use strict;
=head1 X

=cut

# Doc
sub f { 1 }
our $x = 1;
package C { sub g {} }
""",
        """
            1 module A.B < A
            8 function A.B.f < A.B
            10 module C
        """,
    ),
    "a.py": (
        '''\
"""Mod."""
X = 1
Y: int = 2
z: str
class A(B):
    """Doc."""
    k = 1
    j: int
    @property
    def p(self):
        return 1
    async def q(
        self,
    ) -> int:
        """Q doc."""
        def inner():
            pass
    class In:
        pass
def top(): pass
if True:
    W = 1
    def cond(): pass
type T = int
X.y = 3
a, b = 1, 2
''',
        """
            2 variable X
            3 variable Y
            5 class A
            7 variable A.k < A
            10 method A.p < A
            12 method A.q < A
            18 class A.In < A
            20 function top
            24 type T
            25 variable X.y < X
            26 variable a
        """,
    ),
    "a.rb": (
        """\
# Doc
module A
  # Doc B
  class B < C
    X = 1
    attr_reader :a, :b
    def self.f; end
    class << self
      def g; end
    end
    def h(a) = a
    def i=(x)
    end
  end
  class A::Q; end
  Point = Struct.new(:x) do
    def y; end
  end
end
def top
end
""",
        """
            2 module A
            4 class A.B < A
            5 variable A.B.X < A.B
            7 method A.B.f < A.B
            9 method A.B.g < A.B
            11 method A.B.h < A.B
            12 method A.B.i= < A.B
            15 class A.A.Q < A
            16 variable A.Point < A
            17 method A.Point.y < A.Point
            20 function top
        """,
    ),
    "a.sh": (
        """\
# d
X=1
readonly Y=2
f() { :; }
function g { :; }
export Z=3
""",
        """
            2 variable X
            3 variable Y
            4 function f
            5 function g
            6 variable Z
        """,
    ),
    "a.ts": (
        """\
export const A = 1, f = () => 1;
export default memo(() => 1);
const X = memo(function X() { return 1; });
const mapped = list.map(x => x);
/** Doc o. */
let o = {
  a() {},
  b: () => 1,
  c: function() {},
  get d() { return 1 },
  e: 5,
};
function g(a: string): void;
function g(a: any) {}
@Dec()
export class C {
  private x = 1;
  static y = () => 1;
  @In() z: string;
  constructor(private q: R) {}
  abstract m(): void;
  @Out()
  n() {}
}
declare module "foo" {
  interface I { m(): void; p: string }
}
namespace N.M {
  export function q() {}
}
exports.x = function() {};
exports.k = 5;
module.exports = { a };
Foo.prototype.bar = function() {};
export type T = string;
export enum E { A, B }
export default { name: "x",
 methods: { a() {} } };
export abstract class Abs<T> { abstract get(): T; }
""",
        """
            3 function X
            4 variable mapped
            6 variable o
            7 method o.a < o
            8 method o.b < o
            9 method o.c < o
            10 method o.d < o
            13 function g
            14 function g
            16 class C
            17 variable C.x < C
            18 method C.y < C
            20 method C.constructor < C
            21 method C.m < C
            23 method C.n < C
            25 module foo
            26 interface foo.I < foo
            26 method foo.I.m < foo.I
            28 module N.M < N
            29 function N.M.q < N.M
            31 function x
            32 variable k
            34 method Foo.bar < Foo
            35 type T
            36 enum E
            39 class Abs
            39 method Abs.get < Abs
        """,
    ),
}
