"""Sources in typed languages, and what is defined in them."""

from __future__ import annotations

# By file name: a source, and a row for each thing that it defines: the line of its signature, its
# kind, its symbol, and after "<" what it belongs to.
OUTLINES: dict[str, tuple[str, str]] = {
    "a.c": (
        """\
/* Makes a node. */
static struct node *make_node(int value);
#define LIMIT 10
#define SQUARE(x) ((x) * (x))
int counter = 1;
extern const char *name_of(const struct node *node);
int (*handler)(int);
typedef int (*callback)(int);
enum { RED, GREEN };
enum shade { DARK };
API_EXPORT(int) run(void) { return 1; }
struct node {
    int value;
};
struct node root = {1};
typedef struct { int x; } point;
int
gnu_style (int x)
{
    return x;
}
""",
        """
            2 function make_node
            3 macro LIMIT
            4 macro SQUARE
            5 variable counter
            6 function name_of
            8 type callback
            9 variable RED
            9 variable GREEN
            10 enum shade
            10 variable shade.DARK < shade
            11 function run
            12 class node
            15 variable root
            16 type point
            17 function gnu_style
        """,
    ),
    "a.cpp": (
        """\
#ifndef SHOP_H
#define SHOP_H
extern "C" {
int shop_open(void);
}
namespace shop {
/// A cart.
class SHOP_API Cart : public Base {
public:
  Cart();
  ~Cart();
  virtual int total() const override;
  int operator()(int) const { return 1; }
  int count_;
  template <class T> void add(T item) {}
  enum class State { Open };
};
using Money = int;
}
shop::Cart::Cart() : count_(1) {}
int &Cart::total() const {}
bool operator==(Cart a, Cart b) {}
template <typename T>
void List<T>::push(T item) {
}
constexpr int Limit = 3;
#endif
""",
        """
            4 function shop_open
            6 module shop
            8 class shop.Cart < shop
            10 method shop.Cart.Cart < shop.Cart
            11 method shop.Cart.~Cart < shop.Cart
            12 method shop.Cart.total < shop.Cart
            13 method shop.Cart.operator() < shop.Cart
            15 method shop.Cart.add < shop.Cart
            16 enum shop.Cart.State < shop.Cart
            16 variable shop.Cart.State.Open < shop.Cart.State
            18 type shop.Money < shop
            20 method shop.Cart.Cart < shop.Cart
            21 method Cart.total < Cart
            22 function operator==
            24 method List.push < List
            26 variable Limit
        """,
    ),
    "a.cs": (
        """\
namespace A.B;
/// <summary>
/// Doc.
/// </summary>
[Attr]
public partial class X<T> : Y where T: Z {
 [F] public int P { get; set; }
 private readonly int _a = 1;
 public event E Ev;
 public X() : base() {}
 public int this[int i] => 1;
 public delegate void D();
 public static X operator +(X a, X b) => a;
 const int C = 1;
 [Test]
 public void M<T>(int a) { }
}
public record struct R(int A);
enum E { A }
interface I { void Q(); }
""",
        """
            1 module A.B < A
            6 class A.B.X < A.B
            7 variable A.B.X.P < A.B.X
            8 variable A.B.X._a < A.B.X
            10 method A.B.X.X < A.B.X
            11 method A.B.X.this < A.B.X
            12 type A.B.X.D < A.B.X
            13 method A.B.X.operator+ < A.B.X
            14 variable A.B.X.C < A.B.X
            16 method A.B.X.M < A.B.X
            18 class A.B.R < A.B
            19 enum A.B.E < A.B
            19 variable A.B.E.A < A.B.E
            20 interface A.B.I < A.B
            20 method A.B.I.Q < A.B.I
        """,
    ),
    "a.dart": (
        """\
/// d
@A()
class X extends Y {
 final int a = 1;
 X(this.a);
 X.named();
 factory X.f() => X(1);
 int get g => 1;
 void m() {
 }
 static const c = 1;
}
mixin M {}
extension E on X { void z() {} }
enum Q { a, b }
typedef F = int Function();
void main() {
}
const k = 1;
""",
        """
            3 class X
            5 method X.X < X
            6 method X.named < X
            7 method X.X < X
            8 method X.g < X
            9 method X.m < X
            11 variable X.c < X
            13 class M
            14 class E
            14 method E.z < E
            15 enum Q
            15 variable Q.a < Q
            15 variable Q.b < Q
            16 type F
            17 function main
        """,
    ),
    "a.go": (
        """\
package a

const (
	A = iota
	B
)

var ErrX = f()
var (
	u int = 1
)

// T doc
type (
	X struct{ a int }
	Y interface {
		M(x int) error
	}
)

func (s *S[T]) M() {}
func (Q) N() (
	int,
) {
}
""",
        """
            4 variable A
            5 variable B
            8 variable ErrX
            10 variable u
            15 type X
            16 type Y
            17 method Y.M < Y
            21 method S.M < S
            22 method Q.N < Q
        """,
    ),
    "a.java": (
        """\
package a.b;
/** Doc. */
@A(1)
@B
public class X<T> extends Y {
  static final int A = 1, B;
  private int z;
  public X() {}
  @Override
  public int f() { return 1; }
  enum E { A, B; int x() {return 1;} }
  record R(int x) {}
  @interface Q {}
}
""",
        """
            5 class X
            6 variable X.A < X
            8 method X.X < X
            10 method X.f < X
            11 enum X.E < X
            11 variable X.E.A < X.E
            11 variable X.E.B < X.E
            11 method X.E.x < X.E
            12 class X.R < X
            13 interface X.Q < X
        """,
    ),
    "a.kt": (
        """\
package a
@A
fun <T> List<T>.ext(x: Int): Int = 1
fun plain() {}
val p: Int = 1
const val Q = 1
/** Doc */
data class D(val a: Int) {
 companion object {
  fun of() = 1
 }
 val x by lazy { 1 }
 init { f() }
 constructor(a: String): this(1)
 @Test
 fun `a b`() {}
}
object O { }
interface S {
 fun m()
}
enum class E { A, B }
typealias T = Int
""",
        """
            3 method List.ext < List
            4 function plain
            5 variable p
            6 variable Q
            8 class D
            9 class D.Companion < D
            10 method D.Companion.of < D.Companion
            12 variable D.x < D
            14 method D.constructor < D
            16 method D.a b < D
            18 class O
            19 interface S
            20 method S.m < S
            22 class E
            22 variable E.A < E
            22 variable E.B < E
            23 type T
        """,
    ),
    "a.m": (
        """\
#import "A.h"
@interface A : B
@property int x;
- (void)foo:(int)a bar:(int)b;
@end
@implementation A
/// d
- (void)foo:(int)a bar:(int)b {
}
+ (instancetype)make { return nil; }
@end
static int f(void) { return 1; }
@protocol P
- (void)q;
@end
""",
        """
            2 class A
            3 variable A.x < A
            4 method A.foo < A
            6 class A
            8 method A.foo < A
            10 method A.make < A
            12 function f
            13 interface P
            14 method P.q < P
        """,
    ),
    "a.rs": (
        """\
/// doc A
#[derive(Debug)]
#[serde(x)]
pub struct Bar<T> {
    a: T,
}
const A: u8 = 1;
static B: u8 = 1;
/// mac
macro_rules! m { () => {} }
impl<T> Foo<T> for a::Bar<T> {
    const X: u8 = 1;
    fn f(
        &self,
    ) -> u8 {
    }
}
trait T {
    fn g(&self);
    type X;
}
extern "C" {
    fn h();
}
mod tests {
    #[test]
    fn t() {}
}
enum E { A, B(u8) }
""",
        """
            4 class Bar
            7 variable A
            8 variable B
            10 macro m
            11 class a.Bar < a
            12 variable a.Bar.X < a.Bar
            13 method a.Bar.f < a.Bar
            18 interface T
            19 method T.g < T
            23 function h
            25 module tests
            27 function tests.t < tests
            29 enum E
            29 variable E.A < E
            29 variable E.B < E
        """,
    ),
    "a.scala": (
        """\
package a.b

/** Doc. */
object O {
  def f(x: Int): Int = 1
  val v = 1
}
case class C(a: Int)
sealed trait T {
  def m: Int
  type X
}
given ord: Ordering[C] with
  def compare(a: C) = 1

extension (s: String)
  def shout: String = s

enum E { case A, B }
type Y = Int
implicit class R(x: Int) { def z = 1 }
package object p { val q = 1 }
@main def run() = 1
""",
        """
            4 class O
            5 method O.f < O
            6 variable O.v < O
            8 class C
            9 interface T
            10 method T.m < T
            11 type T.X < T
            13 class ord
            14 method ord.compare < ord
            16 class s
            17 method s.shout < s
            19 enum E
            19 variable E.A < E
            19 variable E.B < E
            20 type Y
            21 class R
            21 method R.z < R
            22 class p
            22 variable p.q < p
            23 function run
        """,
    ),
    "a.sol": (
        """\
pragma solidity ^0.8;
/// @notice d
contract C is D {
 uint256 public x = 1;
 event E(uint a);
 error Bad();
 modifier only() { _; }
 constructor() {}
 function f(uint a) external returns (uint) { return a; }
 struct S { uint a; }
}
library L {}
interface I { function g() external; }
""",
        """
            3 class C
            4 variable C.x < C
            5 type C.E < C
            6 type C.Bad < C
            7 method C.only < C
            9 method C.f < C
            10 class C.S < C
            12 class L
            13 interface I
            13 method I.g < I
        """,
    ),
    "a.swift": (
        """\
/// Doc
@objc public class A: B {
  public var x: Int = 1
  let y = 2
  @discardableResult
  static func f() {}
  init(a: Int) {}
  deinit {}
 subscript(i: Int) -> Int { 1 }
 enum E { case a, b }
}
extension A: P { func g() {} }
struct S {}
enum E { case a }
protocol P { func m() }
actor Q {}
typealias T = Int
let g = 1
""",
        """
            2 class A
            3 variable A.x < A
            4 variable A.y < A
            6 method A.f < A
            7 method A.init < A
            8 method A.deinit < A
            9 method A.subscript < A
            10 enum A.E < A
            10 variable A.E.a < A.E
            12 class A
            12 method A.g < A
            13 class S
            14 enum E
            14 variable E.a < E
            15 interface P
            15 method P.m < P
            16 class Q
            17 type T
            18 variable g
        """,
    ),
    "a.zig": (
        """\
const std = @import("std");
/// Doc
pub const A = struct {
 x: u8,
 pub fn f(self: A) void {}
 const Z = 1;
};
const B = enum { a };
const Err = error{X};
fn g(comptime T: type) type { return struct { a: T, pub fn h() void {} }; }
test "x" {}
var y: u8 = 1;
const U = union(enum) { a: u8 };
""",
        """
            1 variable std
            3 class A
            5 method A.f < A
            6 variable A.Z < A
            8 enum B
            9 type Err
            10 function g
            11 function x
            13 class U
        """,
    ),
}
